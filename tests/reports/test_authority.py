"""The installation's own authority: made once, never mended in silence, and understood by openssl."""

import datetime as dt
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from reports.authority import Authority, AuthorityUnusable, open_authority, revocation_list
from tests.reports.sealed import ORIGIN, authority_fixture, now  # noqa: F401  a fixture
from tests.services import need_program

ROOT = Path(__file__).parents[2]
FILES = {"root.pem", "root.key", "seal.pem", "seal.key", "stamp.pem", "stamp.key", "root.crl"}
RACE = """
import datetime, pathlib, sys
from reports.authority import open_authority
authority = open_authority(pathlib.Path(sys.argv[1]), origin="lab.example/1", at=datetime.datetime.now(datetime.UTC))
sys.stdout.write(authority.root_pem.decode())
"""


def fresh(keys: Path) -> Authority:
    return open_authority(keys, origin=ORIGIN, at=now())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.req("R-SEAL-08")
def test_the_authority_is_made_once_and_opened_ever_after(tmp_path: Path) -> None:
    first = fresh(tmp_path / "keys")
    assert fresh(tmp_path / "keys").root_pem == first.root_pem
    assert set(contents(first.folder)) == FILES
    assert [path.name for path in (tmp_path / "keys").iterdir()] == [first.folder.name]


@pytest.mark.req("R-SEAL-08")
def test_its_files_are_for_the_programs_account_alone(tmp_path: Path) -> None:
    folder = fresh(tmp_path / "keys").folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.req("R-SEAL-08")
def test_processes_that_race_make_one_authority(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RACE, str(tmp_path)]
    racers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({racer.communicate(timeout=60)[0] for racer in racers}) == 1
    assert {racer.returncode for racer in racers} == {0}
    assert [path.name for path in tmp_path.iterdir()] == ["authority"]


@pytest.mark.req("R-SEAL-08")
def test_threads_that_start_at_the_same_moment_make_one_authority(tmp_path: Path) -> None:
    barrier = Barrier(8)

    def race(_: int) -> bytes:
        barrier.wait()
        return fresh(tmp_path).root_pem

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert len(set(pool.map(race, range(8)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["authority"]


@pytest.mark.req("R-SEAL-08")
@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_part_stops_it_and_nothing_is_made_anew(tmp_path: Path, name: str) -> None:
    folder = fresh(tmp_path).folder
    (folder / name).unlink()
    left = contents(folder)
    with pytest.raises(AuthorityUnusable, match=rf"{name} is missing.*from the backup"):
        fresh(tmp_path)
    assert contents(folder) == left


@pytest.mark.req("R-SEAL-08")
@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_that_others_may_read_stops_it(tmp_path: Path, name: str) -> None:
    authority = fresh(tmp_path)
    (authority.folder / name).chmod(0o640)
    with pytest.raises(AuthorityUnusable, match=rf"may read {name}"):
        revocation_list(fresh(tmp_path), at=now())


@pytest.mark.req("R-SEAL-08")
def test_a_folder_that_others_may_open_stops_it(tmp_path: Path) -> None:
    fresh(tmp_path).folder.chmod(0o750)
    with pytest.raises(AuthorityUnusable, match="may open the folder"):
        fresh(tmp_path)


@pytest.mark.req("R-SEAL-08")
@pytest.mark.parametrize("name", sorted(FILES))
def test_a_damaged_file_stops_it_and_stays_as_it_is(tmp_path: Path, name: str) -> None:
    authority = fresh(tmp_path)
    (authority.folder / name).write_bytes(b"-----BEGIN NOTHING-----\n")
    left = contents(authority.folder)
    with pytest.raises(AuthorityUnusable, match="Nothing was changed or made anew"):
        revocation_list(fresh(tmp_path), at=now())
    assert contents(authority.folder) == left


@pytest.mark.req("R-SEAL-08")
def test_parts_of_two_authorities_are_not_mixed(tmp_path: Path) -> None:
    here, there = fresh(tmp_path / "here"), fresh(tmp_path / "there")
    (here.folder / "seal.key").write_bytes((there.folder / "seal.key").read_bytes())
    with pytest.raises(AuthorityUnusable, match=r"seal\.key does not belong"):
        fresh(tmp_path / "here")
    (here.folder / "seal.pem").write_bytes((there.folder / "seal.pem").read_bytes())
    with pytest.raises(AuthorityUnusable, match="not the root's"):
        fresh(tmp_path / "here")


@pytest.mark.req("R-SEAL-08")
def test_the_keys_of_another_installation_and_a_clock_before_its_making_stop_it(tmp_path: Path) -> None:
    fresh(tmp_path)
    with pytest.raises(AuthorityUnusable, match="another name"):
        open_authority(tmp_path, origin="lab.example/2", at=now())
    with pytest.raises(AuthorityUnusable, match="clock"):
        open_authority(tmp_path, origin=ORIGIN, at=now() - dt.timedelta(days=1))


@pytest.mark.parametrize("origin", ["", "x" * 41, "lab\n", "lab example", "-lab", "läb"])
def test_an_origin_that_is_no_name_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(ValueError, match="an origin is"):
        open_authority(tmp_path, origin=origin, at=now())
    assert not any(tmp_path.iterdir())


@pytest.mark.req("R-SEAL-08")
def test_no_key_shows_where_an_authority_is_printed(authority: Authority) -> None:
    assert "certificate=" in repr(authority)
    assert "key=" not in repr(authority)
    assert "PrivateKey" not in repr(authority)


@pytest.mark.req("R-SEAL-08")
def test_openssl_finds_both_certificates_good_for_their_purpose(authority: Authority) -> None:
    verify = [need_program("openssl", "openssl"), "verify", "-x509_strict", "-CAfile", "root.pem", "-crl_check"]
    for purpose, name in {"smimesign": "seal.pem", "timestampsign": "stamp.pem"}.items():
        command = [*verify, "-CRLfile", "root.crl", "-purpose", purpose, name]
        told = subprocess.run(command, cwd=authority.folder, capture_output=True, text=True, check=False)
        assert told.stdout == f"{name}: OK\n", told.stderr


@pytest.mark.req("R-SEAL-09")
def test_the_revocation_list_is_renewed_a_week_before_it_ends_and_forgets_nobody(tmp_path: Path) -> None:
    authority = fresh(tmp_path)
    revoke(authority, serial=4711)
    first = revocation_list(authority, at=now())
    assert revocation_list(authority, at=now() + dt.timedelta(days=22)) == first
    late = now() + dt.timedelta(days=24)
    renewed = x509.load_der_x509_crl(revocation_list(authority, at=late))
    assert renewed.next_update_utc is not None
    assert renewed.next_update_utc > late + dt.timedelta(days=29)
    assert [entry.serial_number for entry in renewed] == [4711]
    assert number(renewed) > number(x509.load_der_x509_crl(first))
    assert renewed.public_bytes(Encoding.DER) == revocation_list(authority, at=late)


@pytest.mark.req("R-SEAL-09")
def test_a_revocation_list_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    here, there = fresh(tmp_path / "here"), fresh(tmp_path / "there")
    with pytest.raises(AuthorityUnusable, match="not the root's"):
        revocation_list(replace(here, folder=there.folder), at=now())


def revoke(authority: Authority, *, serial: int) -> None:
    """Put a certificate on the list, as an operator would with openssl."""
    held = x509.load_pem_x509_crl((authority.folder / "root.crl").read_bytes())
    builder = x509.CertificateRevocationListBuilder().issuer_name(held.issuer).last_update(held.last_update_utc)
    builder = builder.next_update(held.last_update_utc + dt.timedelta(days=30))
    for extension in held.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(held.last_update_utc).build()
    signed = builder.add_revoked_certificate(entry).sign(authority.root.key, hashes.SHA256())
    (authority.folder / "root.crl").write_bytes(signed.public_bytes(Encoding.PEM))


def number(listed: x509.CertificateRevocationList) -> int:
    return listed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
