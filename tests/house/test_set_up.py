"""The set-up of a bare machine: what is missing is installed, or the one line to type is named."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.exchange import ROOT

SCRIPT: Final = ROOT / ".ci" / "system"
TOOLS: Final = ("bash", "env", "tr", "cat")


class Machine:
    """A machine that has a few tools and no others; what it is asked to install is written down."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.installed = folder / "installed"
        self.bin.mkdir()
        for tool in TOOLS:
            self.bin.joinpath(tool).symlink_to(str(shutil.which(tool)))
        self.has("python3", f'exec "{sys.executable}" "$@"')
        self.has("apt-get", f'echo "$@" >>"{self.installed}"')

    def has(self, name: str, script: str) -> None:
        """Give the machine a command."""
        path = self.bin / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the script there."""
        environment = {"PATH": str(self.bin), "HOME": str(self.bin)}
        return subprocess.run(
            [str(self.bin / "bash"), str(SCRIPT), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with a complete Python, and neither compiler nor OpenSSL."""
    return Machine(tmp_path)


def test_whole_machine_is_left_alone(machine: Machine) -> None:
    machine.has("g++", "exit 0")
    machine.has("id", "echo 0")
    result = machine.run()
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1] == str(machine.bin / "python3")
    assert not machine.installed.exists()


def test_root_installs_what_is_missing(machine: Machine) -> None:
    machine.has("id", "echo 0")
    assert machine.run().returncode == 0
    assert machine.installed.read_text().splitlines()[-1] == "install -y --no-install-recommends g++ libssl-dev"


def test_sudo_without_a_password_is_used(machine: Machine) -> None:
    machine.has("id", "echo 1000")
    machine.has("sudo", '[ "$1" = -n ] && shift; "$@"')
    machine.has("true", "exit 0")
    assert machine.run().returncode == 0
    assert machine.installed.read_text().splitlines()[0].startswith("update")


def test_without_rights_the_one_line_is_named(machine: Machine) -> None:
    machine.has("id", "echo 1000")
    result = machine.run()
    assert result.returncode == 1
    assert "sudo apt-get update && sudo apt-get install -y --no-install-recommends g++ libssl-dev" in result.stderr
    assert not machine.installed.exists()


def test_failing_apt_names_the_one_line_too(machine: Machine) -> None:
    machine.has("id", "echo 0")
    machine.has("apt-get", "exit 100")
    result = machine.run()
    assert result.returncode == 1
    assert "Type this, then start again" in result.stderr


def test_old_python_is_not_taken(machine: Machine) -> None:
    machine.has("g++", "exit 0")
    machine.has("id", "echo 1000")
    machine.has("python3", "exit 1")
    result = machine.run()
    assert result.returncode == 1
    assert "python3-venv" in result.stderr


def test_pins_name_exact_versions() -> None:
    listed = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "requirements")], check=True, capture_output=True, text=True
    )
    pins = listed.stdout.split()
    assert len(pins) > 15
    assert [pin for pin in pins if not re.fullmatch(r"[a-z0-9-]+==[0-9.]+", pin)] == []


def test_continuous_integration_runs_exactly_make_test(tmp_path: Path) -> None:
    tmp_path.joinpath("make").write_text(f'#!/bin/bash\necho "$PWD: $@" >"{tmp_path}/asked"\n')
    tmp_path.joinpath("make").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run([str(ROOT / ".ci" / "run")], env=environment, cwd=tmp_path, check=True)
    assert tmp_path.joinpath("asked").read_text() == f"{ROOT}: test\n"
