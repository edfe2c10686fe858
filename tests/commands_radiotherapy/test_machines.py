"""`tianfu rt machine show|commission|key|sign|verify` as two persons use them, and as somebody who means harm does."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner

from tests.radiotherapy_plan import small_machine
from tests.radiotherapy_signing import SET_UP, SET_UPS, measured_machine, put_machine
from tianfu.apps.radiotherapy.machine_files import FOLDER, SIGNATORIES
from tianfu.apps.radiotherapy.model.machines.machines import Kind
from tianfu.apps.radiotherapy.model.machines.modelling import MEANS
from tianfu.apps.radiotherapy.model.machines.reading import read_machine
from tianfu.apps.radiotherapy.model.machines.writing import write_machine
from tianfu.commands_radiotherapy import machine_signing, radiotherapy_commands
from tianfu.commands_radiotherapy.signer_keys import sealed_key
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.terminal import err, out

NOTICE = "Not for clinical use"
PASSPHRASE = "a long passphrase"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of its own, in which nobody may sign yet."""
    monkeypatch.setenv("TIANFU_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    for terminal in (out, err):
        monkeypatch.setattr(terminal, "width", 400)
    return tmp_path / "home"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text(f"{PASSPHRASE}\n")
    file.chmod(0o600)
    return file


def run(*words: object, typed: str | None = None) -> Result:
    return CliRunner().invoke(radiotherapy_commands, ["machine", *map(str, words)], input=typed)


def done(*words: object, typed: str | None = None) -> Result:
    result = run(*words, typed=typed)
    assert result.exit_code == 0, result.output
    assert NOTICE in result.stderr
    return result


def code_of(*words: object, typed: str | None = None) -> str:
    result = run(*words, typed=typed)
    assert isinstance(result.exception, Refusal), result.output
    assert result.exception.code not in result.stderr.splitlines(), "told by its code alone: a word is missing"
    return result.exception.code


@pytest.fixture
def desk(tmp_path: Path, secret: Path) -> Path:
    """A machine that Lin commissioned, and the keys of Lin, Chen and a stranger."""
    file = tmp_path / "linac.json"
    file.write_bytes(write_machine(measured_machine(purpose="clinical")))
    people = []
    for name, roles in (("Lin", ["physicist"]), ("Chen", ["physicist", "approver"]), ("Wu", ["approver"])):
        line = done("key", "--name", name, "--out", tmp_path / f"{name}.key", "--passphrase-file", secret).stdout
        people.append({**json.loads(line), "roles": roles})
    write_people(tmp_path, people[:2])
    return tmp_path


def write_people(desk: Path, people: list[dict[str, Any]]) -> None:
    (desk / SIGNATORIES).write_text(json.dumps({"schema": 1, "signatories": people}))


def people_of(desk: Path) -> list[dict[str, Any]]:
    return list(json.loads((desk / SIGNATORIES).read_text())["signatories"])


def signing(desk: Path, name: str, role: str, *more: object, key: str = "") -> list[object]:
    words = ["sign", desk / "linac.json", "--key", desk / f"{key or name}.key", "--name", name, "--role", role]
    return [*words, "--passphrase-file", desk / "passphrase", *(more or ("--yes",))]


def verifying(desk: Path) -> list[object]:
    return ["verify", desk / "linac.json", "--signatories", desk / SIGNATORIES]


@pytest.fixture
def both(desk: Path) -> Path:
    done(*signing(desk, "Lin", "physicist"))
    done(*signing(desk, "Chen", "approver"))
    return desk


def test_a_machine_is_shown_with_its_figures_and_what_nobody_measured(tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    file.write_bytes(write_machine(small_machine()))
    told = json.loads(done("show", file, "--json").stdout)
    assert (told["name"], told["version"], told["purpose"]) == ("generic-6mv", 1, "demonstration")
    assert told["cleared_for_clinical_use"] is False
    assert {"element": "leaves.transmission", "mark": "memory"}.items() <= {
        each["element"]: each for each in told["figures"]
    }["leaves.transmission"].items()
    assert (told["commissioning"], told["approval"], told["signatures"]) == (None, None, [])
    shown = done("show", file)
    assert "recalled, to be checked" in shown.stdout
    assert "Nobody has commissioned it." in shown.stdout
    assert "Unsigned: for demonstrations only." in shown.stderr


def test_two_persons_sign_and_the_approval_is_told_and_clears_nothing(both: Path) -> None:
    told = json.loads(done(*verifying(both), "--json").stdout)
    assert (told["approval"]["physicist"], told["approval"]["approver"]) == ("Lin", "Chen")
    assert told["lacking"] is None
    assert [(each["signer"], each["is_genuine"]) for each in told["signatures"]] == [("Chen", True), ("Lin", True)]
    shown = done(*verifying(both))
    assert "Signed by Lin, approved by Chen since" in shown.stdout
    assert "neither it nor this program is cleared for clinical use" in shown.stdout
    measured = done("show", both / "linac.json", "--signatories", both / SIGNATORIES)
    assert "Commissioned by Lin" in measured.stdout
    assert "Signed by Lin, approved by Chen since" in measured.stderr


def test_signatures_of_people_whom_the_installation_does_not_know_are_told_as_such(both: Path, home: Path) -> None:
    assert (
        "Chen is not among those who may sign machines here. (signer-not-known)"
        in done("show", both / "linac.json").stderr
    )
    (home / FOLDER).mkdir(parents=True)
    (home / FOLDER / SIGNATORIES).write_bytes((both / SIGNATORIES).read_bytes())
    assert "Signed by Lin, approved by Chen since" in done("show", both / "linac.json").stderr


def test_a_key_is_sealed_for_its_owner_alone_and_never_written_over(desk: Path) -> None:
    file = desk / "Lin.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    words = ["key", "--name", "Lin", "--out", file, "--passphrase-file", desk / "passphrase"]
    assert code_of(*words) == "file-already-there"


def test_a_passphrase_is_typed_twice_and_long(tmp_path: Path) -> None:
    words = ["key", "--name", "Lin", "--out", tmp_path / "new.key"]
    assert code_of(*words, typed="short\nshort\n") == "passphrase-too-short"
    assert run(*words, typed=f"{PASSPHRASE}\nanother passphrase\n").exit_code == 1
    assert not (tmp_path / "new.key").exists()
    assert PASSPHRASE not in done(*words, typed=f"{PASSPHRASE}\n{PASSPHRASE}\n").output


def test_a_passphrase_file_that_others_may_read_is_refused(tmp_path: Path, secret: Path) -> None:
    secret.chmod(0o640)
    words = ["key", "--name", "Lin", "--out", tmp_path / "new.key", "--passphrase-file", secret]
    assert code_of(*words) == "key-open-to-others"
    assert code_of(*words[:-1], tmp_path / "none") == "file-not-readable"


def test_the_signer_is_shown_what_he_signs_and_may_say_no(desk: Path) -> None:
    words = signing(desk, "Lin", "physicist")[:-1]
    declined = run(*words, typed="n\n")
    assert declined.exit_code == 1
    assert "leaf gap" in declined.stdout
    assert "Nothing was signed." in declined.stderr
    assert not list(desk.glob("*.signature"))
    assert "Sign this machine as physicist, in the name of Lin?" in done(*words, typed="y\n").output
    assert [each.name for each in desk.glob("*.signature")] == ["linac.json.physicist.signature"]


def test_nobody_signs_out_of_order_twice_or_for_both(desk: Path) -> None:
    assert code_of(*signing(desk, "Chen", "approver")) == "machine-not-signed"
    assert code_of(*signing(desk, "Chen", "physicist")) == "signer-not-commissioner"
    done(*signing(desk, "Lin", "physicist"))
    before = {each.name: each.read_bytes() for each in desk.iterdir()}
    assert code_of(*signing(desk, "Lin", "physicist")) == "file-already-there"
    assert code_of(*signing(desk, "Lin", "approver")) == "machine-signed-by-one-person"
    assert code_of(*signing(desk, "Chen", "approver", key="Lin")) == "machine-signed-by-one-person"
    assert run(*signing(desk, "Chen", "director")).exit_code == 2
    assert {each.name: each.read_bytes() for each in desk.iterdir()} == before


def test_a_clock_that_is_late_signs_nothing(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_signing, "system_clock", lambda: Instant(1))
    assert code_of(*signing(desk, "Lin", "physicist")) == "signed-out-of-order"


def test_of_two_who_sign_at_once_the_second_is_told(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = desk / "linac.json.physicist.signature"
    opened = machine_signing.opened_key

    def meanwhile(file: Path, passphrase: bytes) -> Ed25519PrivateKey:
        theirs.write_bytes(b"theirs")
        return opened(file, passphrase)

    monkeypatch.setattr(machine_signing, "opened_key", meanwhile)
    assert code_of(*signing(desk, "Lin", "physicist")) == "file-already-there"
    assert theirs.read_bytes() == b"theirs"
    assert not list(desk.glob(".*unfinished*"))


def test_a_machine_that_nobody_commissioned_is_signed_by_nobody(desk: Path) -> None:
    (desk / "linac.json").write_bytes(write_machine(small_machine()))
    assert code_of(*signing(desk, "Lin", "physicist")) == "machine-not-commissioned"


def test_a_machine_whose_modelled_values_somebody_wrote_is_signed_by_nobody(desk: Path) -> None:
    machine = measured_machine(purpose="clinical")
    assert machine.commissioning is not None
    output, *others = machine.commissioning.measurements
    told = replace(machine.commissioning, measurements=(replace(output, modelled=output.measured), *others))
    (desk / "linac.json").write_bytes(write_machine(replace(machine, commissioning=told)))
    assert code_of(*signing(desk, "Lin", "physicist")) == "measurement-modelled-otherwise"


def test_a_key_that_does_not_open_or_is_no_signers_signs_nothing(desk: Path) -> None:
    (desk / "passphrase").write_text("another passphrase\n")
    assert code_of(*signing(desk, "Lin", "physicist")) == "signer-key-not-opened"
    (desk / "passphrase").write_text(f"{PASSPHRASE}\n")
    (desk / "Lin.key").chmod(0o644)
    assert code_of(*signing(desk, "Lin", "physicist")) == "key-open-to-others"
    for name, content, code in (
        ("open", Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), None),
        ("empty", b"", None),
        ("cut", sealed_key(Ed25519PrivateKey.generate(), PASSPHRASE.encode())[:120], "signer-key-not-opened"),
        ("large", b"-" * 20_000, None),
        ("rsa", sealed_key(generate_private_key(65537, 2048), PASSPHRASE.encode()), "signer-key-not-opened"),  # type: ignore[arg-type]  # another kind of key is what is tried
    ):
        (desk / f"{name}.key").write_bytes(content)
        (desk / f"{name}.key").chmod(0o600)
        assert code_of(*signing(desk, "Lin", "physicist", key=name)) == (code or "signer-key-not-sealed"), name
    assert not list(desk.glob("*.signature"))


def test_one_bit_changed_in_the_machine_after_signing_voids_it(both: Path) -> None:
    data = (both / "linac.json").read_bytes()
    # The last bit of a mantissa: 1.0 becomes the next number that a float can be.
    changed = data.replace(b'"measured":1.0', b'"measured":1.0000000000000002', 1)
    assert changed != data
    (both / "linac.json").write_bytes(changed)
    assert code_of(*verifying(both)) == "signature-of-another-machine"
    told = json.loads(run(*verifying(both), "--json").stdout)
    assert (told["approval"], told["lacking"]) == (None, "signature-of-another-machine")
    assert [each["is_genuine"] for each in told["signatures"]] == [False, False]


@pytest.mark.parametrize("at", [0, 100, 150, 200])
def test_a_changed_byte_of_a_signature_is_told(both: Path, at: int) -> None:
    file = both / "linac.json.approver.signature"
    data = bytearray(file.read_bytes())
    data[at % len(data)] ^= 1
    file.write_bytes(bytes(data))
    assert isinstance(run(*verifying(both)).exception, Refusal)
    assert "is not approved" in done("show", both / "linac.json", "--signatories", both / SIGNATORIES).stderr


def test_what_is_missing_is_told_by_how_the_command_ends(desk: Path) -> None:
    assert code_of(*verifying(desk)) == "machine-not-signed"
    done(*signing(desk, "Lin", "physicist"))
    assert code_of(*verifying(desk)) == "machine-not-signed"
    assert code_of("verify", desk / "linac.json", "--signatories", desk / "none.json") == "file-not-readable"


def test_who_may_sign_no_more_has_signed_nothing(both: Path) -> None:
    lin, chen = people_of(both)
    for people, code in (
        ([lin], "signer-not-known"),
        ([lin, {**chen, "until": "2020-01-01"}], "signed-after-right-ended"),
        ([lin, {**chen, "roles": ["physicist"]}], "signer-without-role"),
        ([lin, {**chen, "public_key": "11" * 32}], "signature-false"),
        ([lin, {**chen, "public_key": lin["public_key"]}], "signatory-key-twice"),
        ([lin, lin], "signatory-twice"),
    ):
        write_people(both, people)
        assert code_of(*verifying(both)) == code


def test_a_foreign_file_that_is_called_a_signature_is_not_passed_over(both: Path) -> None:
    (both / "linac.json.extra.signature").write_bytes(b"{}")
    assert code_of(*verifying(both)) == "signature-not-understood"
    (both / "linac.json.extra.signature").unlink()
    (both / "linac.json.extra.signature").mkdir()
    assert code_of(*verifying(both)) == "signature-not-understood"
    for number in range(30):
        (both / f"linac.json.n{number}.signature").write_bytes(b"")
    assert code_of(*verifying(both)) == "signatures-too-many"


def test_nothing_that_a_file_says_moves_the_cursor(tmp_path: Path) -> None:
    file = tmp_path / "machine.json"
    file.write_bytes(write_machine(small_machine()).replace(b'"model":"', b'"model":"\\u001b[2J', 1))
    # The same in the only form in which machines are written.
    told = write_machine(small_machine()).replace(b'"model":"', b'"model":"\\u001b[2J', 1)
    file.write_bytes(told)
    shown = done("show", file)
    assert "\x1b" not in shown.output


def commissioning(file: Path, measurements: Path, into: Path, *more: object, purpose: str = "clinical") -> list[object]:
    words = ["commission", file, "--measurements", measurements, "--by", "Lin", "--version", 2]
    return [*words, "--purpose", purpose, "--out", into, *more]


def measured(file: Path, **changes: Any) -> Path:
    """A file of measurements of every kind that agree well enough, the profile's but for these changes."""
    told = []
    for kind in sorted(get_args(Kind), key=lambda kind: kind in MEANS):  # what is refused is refused before computing
        means = MEANS.get(kind)
        one: dict[str, Any] = {"kind": kind, "what": kind, "unit": "%" if means is None else means.unit}
        one |= {"measured": 0.0, "tolerance": 200.0, "mark": "measured", "set_up": SET_UPS.get(kind, {})}
        told.append(one if means else {**one, "modelled": 1.0, **changes})
    file.write_text(json.dumps({"schema": 1, "measurements": told}), encoding="utf-8")
    return file


def test_a_machine_is_commissioned_then_signed_then_approved(desk: Path) -> None:
    (desk / "linac.json").unlink()
    old = desk / "old.json"
    old.write_bytes(write_machine(small_machine()))
    words = commissioning(old, measured(desk / "measured.json"), desk / "linac.json")
    told = json.loads(done(*words, "--json").stdout)
    assert (told["version"], told["purpose"], told["commissioning"]["by"]) == (2, "clinical", "Lin")
    by = {each["kind"]: each["modelled_by"] for each in told["commissioning"]["measurements"]}
    assert {kind for kind, means in by.items() if means == "said"} == {"profile"}
    assert read_machine((desk / "linac.json").read_bytes()).version == 2
    done(*signing(desk, "Lin", "physicist"))
    done(*signing(desk, "Chen", "approver"))
    assert "approved by Chen" in done(*verifying(desk)).stdout
    assert code_of(*words) == "file-already-there"


def test_a_clinical_machine_that_nobody_could_sign_is_not_written(desk: Path) -> None:
    new = desk / "new.json"
    for changes, code in (
        ({"measured": 500.0}, "measurement-out-of-tolerance"),
        ({"mark": "memory"}, "measurement-not-measured"),
        ({"kind": "leaf-gap"}, "measurement-modelled-said"),
        ({"set_up": SET_UP}, "measurement-set-up-not-fit"),
        ({"tolerance": 0}, "measurements-not-understood"),
    ):
        file = measured(desk / "measured.json", **changes)
        assert code_of(*commissioning(desk / "linac.json", file, new)) == code
        assert not new.exists()
    off = measured(desk / "measured.json", measured=500.0)
    told = done(*commissioning(desk / "linac.json", off, new, purpose="demonstration"))
    assert "measurement-out-of-tolerance" in told.stderr
    assert read_machine(new.read_bytes()).purpose == "demonstration"


def test_a_purpose_and_a_later_version_have_to_be_said(desk: Path) -> None:
    file, new = measured(desk / "measured.json"), desk / "new.json"
    assert run(*commissioning(desk / "linac.json", file, new, purpose="perhaps")).exit_code == 2
    assert run(*commissioning(desk / "linac.json", file, new)[:-4], "--out", new).exit_code == 2
    (desk / "linac.json").write_bytes(write_machine(measured_machine(purpose="clinical", version=2)))
    assert code_of(*commissioning(desk / "linac.json", file, new)) == "machine-version-not-newer"


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b"\xff\xfe", b'{"schema":1,"machine":{}}'])
@pytest.mark.parametrize("command", ["show", "verify", "sign"])
def test_what_is_no_machine_is_refused(command: str, content: bytes, desk: Path) -> None:
    (desk / "linac.json").write_bytes(content)
    words = {
        "show": ["show", desk / "linac.json"],
        "verify": verifying(desk),
        "sign": signing(desk, "Lin", "physicist"),
    }
    assert code_of(*words[command]) in {"machine-not-understood", "machine-of-another-form"}


def test_it_is_told_in_chinese_as_well(both: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tianfu.commands_radiotherapy import speaking

    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    speaking.language.cache_clear()
    try:
        shown = run(*verifying(both)).stdout
    finally:
        speaking.language.cache_clear()
    assert "由 Lin 签名，Chen 批准" in shown


@pytest.mark.parametrize(("roles", "code"), [((), "machine-not-signed"), (("physicist", "approver"), "")])
def test_a_clinical_machine_is_checked_against_only_if_it_is_approved_here(
    roles: Any, code: str, tmp_path: Path, home: Path
) -> None:
    from tianfu.commands_radiotherapy.machines import chosen_machine

    file = put_machine(home / FOLDER, measured_machine(purpose="clinical"), *roles)
    if not code:
        assert chosen_machine(file).purpose == "clinical"
        return
    with pytest.raises(Refusal, match=code):
        chosen_machine(file)
