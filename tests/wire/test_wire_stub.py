"""The stub says of the extension what the extension is."""

import ast
from pathlib import Path

import gateway.wire
from gateway.wire import _wire

STUB = Path(gateway.wire.__file__).parent / "_wire.pyi"


def test_stub_and_extension_have_the_same_names() -> None:
    tree = ast.parse(STUB.read_text())
    constants = {
        node.target.id for node in tree.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    aliases = {"FieldSpec", "Inbound", "Outbound"}
    extension = {name for name in vars(_wire) if not name.startswith("_") and name != "Wire"}
    assert constants - aliases == extension


def test_stub_and_extension_have_the_same_methods_and_arguments() -> None:
    tree = ast.parse(STUB.read_text())
    (stub,) = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    methods = {node.name: [a.arg for a in node.args.args] for node in stub.body if isinstance(node, ast.FunctionDef)}
    extension = {name for name in vars(_wire.Wire) if not name.startswith("_") or name == "__init__"}
    assert set(methods) == extension
    for name, arguments in methods.items():
        signature = str(getattr(_wire.Wire, name).__doc__ or "").split("(", 1)[-1].split(")", 1)[0]
        for argument in arguments:
            if argument != "self" and name != "__init__":
                assert argument in signature, (name, argument, signature)
