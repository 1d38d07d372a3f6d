"""`python -m gateway.rules`: write the tables of docs/rules-of-engagement.md and the dictionaries for clients anew."""

from gateway.rules import client_files, document


def main() -> None:
    """Write every file that is made of the tables."""
    text = document.DOCUMENT.read_text(encoding="utf-8")
    document.DOCUMENT.write_text(document.placed(text, document.render()), encoding="utf-8")
    client_files.FOLDER.mkdir(exist_ok=True)
    for name, content in client_files.render().items():
        (client_files.FOLDER / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
