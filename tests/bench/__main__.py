"""`python -m tests.bench`: every benchmark in full, one after the other."""

import importlib
import pkgutil
import sys

from tests.bench import bench_exchange


def main() -> int:
    """Run bench_exchange with the arguments given, then every other benchmark of this package."""
    code = bench_exchange.main(sys.argv[1:])
    package = sys.modules["tests.bench"]
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("bench_") and module.name != "bench_exchange" and not sys.argv[1:]:
            print(f"\n## {module.name}")
            found = importlib.import_module(f"tests.bench.{module.name}").main()
            code = code or int(found or 0)
    return code


if __name__ == "__main__":
    sys.exit(main())
