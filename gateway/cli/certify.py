"""`outcry certify`: a client's own FIX engine goes through the rules of engagement, case by case."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.output import ExitCode, JsonOption


def certify(
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where the client connects.")] = "127.0.0.1:9899",
    member: Annotated[str, typer.Option(help="SenderCompID(49) of the client.")] = "CLIENT1",
    password: Annotated[str, typer.Option(help="Password(554) of the client.")] = "client1",
    begin_string: Annotated[str, typer.Option(help="FIX.4.2, FIX.4.4 or FIXT.1.1.")] = "FIX.4.4",
    role: Annotated[
        list[str] | None, typer.Option(help="order_entry, drop_copy or market_data; several in turn.")
    ] = None,
    case: Annotated[list[str] | None, typer.Option(help="Only this case; may be repeated.")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="Not this case; may be repeated.")] = None,
    all_cases: Annotated[bool, typer.Option("--all", help="Optional cases and those of every value too.")] = False,
    list_cases: Annotated[bool, typer.Option("--list", help="Name the cases and end.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on: what has passed in --out is not asked again.")
    ] = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the report and of the bytes.")] = None,
    attach: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="A running exchange, in place of one that is thrown away.")
    ] = "",
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Its data folder, for the operator's part.")] = None,
    maker: Annotated[str, typer.Option(help="COMPID:PASSWORD of the other side there, in FIX.4.4.")] = "",
    patience: Annotated[float, typer.Option(min=1.0, help="Seconds to wait for each act.")] = 300.0,
    answer: Annotated[float, typer.Option(min=1.0, help="Seconds in which an engine has to answer.")] = 10.0,
    as_json: JsonOption = False,
) -> None:
    """Certify a client: his own FIX engine against a real exchange, its bytes judged case by case.

    Names each next act, then passes or fails the case with the reason and the rule. The exchange is thrown away
    afterwards. Exit code 0: every case has passed.
    """
    # The tables and dictionaries take time to load, which the other commands need not wait for.
    from gateway.cli.certification import Wishes, carry_out

    wishes = Wishes(
        listen=listen,
        member=member,
        password=password,
        begin_string=begin_string,
        roles=tuple(role or ("order_entry",)),
        cases=tuple(case or ()),
        skipped=tuple(skip or ()),
        has_all=all_cases,
        is_resumed=resume,
        out=out,
        attach=attach,
        data=data,
        maker=maker,
        patience_s=patience,
        answer_s=answer,
        as_json=as_json,
    )
    if not carry_out(wishes, only_list=list_cases):
        raise typer.Exit(ExitCode.FAILED)
