"""The stack starts, stops, and leaves no process behind however its parent ends."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import asyncpg
import psutil
import pytest
from temporalio.client import Client

from activities.privacy.master_keys import make_keyring
from activities.private_files import write_private
from application.settings import load_settings
from application.temporal.settings import load_temporal_config
from deploy.local.postgres import Database
from deploy.local.process import StackError
from deploy.local.stack import anchor_public_key, local_stack, prepare_keyring, run_worker

pytestmark = pytest.mark.server

ROOT = Path(__file__).resolve().parents[2]


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def _open_to_others(directory: Path) -> list[Path]:
    """What others than the owner could read, if the directory itself were open; and the directory, if it is."""
    found = [directory, *(path for path in directory.rglob("*") if path.is_file() or path.is_socket())]
    closed_by_its_place = {path for path in found if path.is_relative_to(directory / "profiles")}
    return [path for path in found if path.stat().st_mode & 0o077 and path not in closed_by_its_place]


async def test_it_starts_stops_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with local_stack(tmp_path / "stack", keep_data=False, time_skipping=True, headless=True) as stack:
        for name, value in stack.owner_env.items():
            monkeypatch.setenv(name, value)
        assert load_settings().demonstration
        client = await Client.connect(load_temporal_config(demonstration=True)["target_host"])
        assert await client.service_client.check_health()
        owner = await asyncpg.connect(stack.postgres.owner_url)
        assert await owner.fetchval("SELECT current_database()") == "carepath"
        await owner.close()
        assert _open_to_others(stack.directory) == []
        assert _open_to_others(stack.postgres.data_directory) == []
        pids = [stack.temporal.pid, stack.postgres.pid]
        assert _alive(pids) == pids
        with pytest.raises(StackError, match="Another local stack"):
            async with local_stack(tmp_path / "stack", keep_data=False, time_skipping=False):
                pytest.fail("two stacks share one directory")
        pids += [child.pid for child in psutil.Process(stack.postgres.pid).children()]
    assert _alive(pids) == []
    assert sorted(path.name for path in (tmp_path / "stack").iterdir()) == ["lock", "logs"]
    assert not stack.postgres.data_directory.exists()


async def test_kept_data_is_found_by_the_next_run(tmp_path: Path) -> None:
    async with local_stack(tmp_path, keep_data=True, time_skipping=False, headless=True) as stack:
        owner = await asyncpg.connect(stack.postgres.owner_url)
        await owner.execute("CREATE SCHEMA kept")
        await owner.close()
        client = await Client.connect(stack.temporal.address)
        await client.start_workflow("nobody-runs-this", id="kept", task_queue="none")
    async with local_stack(tmp_path, keep_data=True, time_skipping=False, headless=True) as stack:
        owner = await asyncpg.connect(stack.postgres.owner_url)
        assert await owner.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname = 'kept'") == 1
        await owner.close()
        client = await Client.connect(stack.temporal.address)
        assert (await client.get_workflow_handle("kept").describe()).id == "kept"
    stack.postgres.remove_data()


async def test_no_keyring_is_made_in_the_place_of_one_that_is_gone(keys_database: Database, tmp_path: Path) -> None:
    """It was made in silence: what had been recorded could not be read, and the old file had lost its place."""
    keyring = tmp_path / "keyring.json"
    await prepare_keyring(keys_database, keyring)
    kept = keyring.read_bytes()
    await prepare_keyring(keys_database, keyring)
    assert keyring.read_bytes() == kept
    keyring.unlink()
    for damaged in (None, b"", kept[:50], kept.replace(b'"current"', b'"currant"')):
        if damaged is not None:
            write_private(keyring, damaged)
        with pytest.raises(StackError, match=r"read the keyring.*Put .*keyring\.json back") as told:
            await prepare_keyring(keys_database, keyring)
        assert "Nothing already recorded was lost" not in str(told.value)
        assert (keyring.read_bytes() if keyring.exists() else None) == damaged
        keyring.unlink(missing_ok=True)
    make_keyring(keyring)
    with pytest.raises(StackError, match="its master key is not in the keyring"):
        await prepare_keyring(keys_database, keyring)
    keyring.unlink()
    write_private(keyring, kept)
    await prepare_keyring(keys_database, keyring)


def test_no_key_of_anchors_is_made_in_the_place_of_one_that_is_gone(tmp_path: Path) -> None:
    key, anchors = tmp_path / "profiles" / "anchor.key", tmp_path / "anchors"
    public = anchor_public_key(key, anchors)
    anchors.mkdir()
    assert anchor_public_key(key, anchors) == public
    (anchors / "000000000001.json").touch()
    for damaged in (None, "", "ab"):
        key.unlink()
        if damaged is not None:
            write_private(key, damaged.encode())
        with pytest.raises(StackError, match=r"read the key of the anchors.*Put .*anchor\.key back"):
            anchor_public_key(key, anchors)
        key.touch()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
@pytest.mark.parametrize(
    "sign",
    [signal.SIGKILL, *(pytest.param(each, marks=pytest.mark.soak) for each in (signal.SIGTERM, signal.SIGINT))],
)
async def test_nothing_outlives_the_parent(tmp_path: Path, sign: signal.Signals) -> None:
    program = textwrap.dedent(
        """
        import asyncio, json, sys
        from pathlib import Path
        from deploy.local.stack import local_stack

        async def main():
            async with local_stack(Path(sys.argv[1]), keep_data=False, time_skipping=False) as stack:
                print(json.dumps({
                    "pids": [stack.temporal.pid, stack.postgres.pid],
                    "data": str(stack.postgres.data_directory),
                }), flush=True)
                await asyncio.sleep(60)

        asyncio.run(main())
        """
    )
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(tmp_path / "stack")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert parent.stdout is not None
    assert parent.stderr is not None
    line = await parent.stdout.readline()
    assert line, (await parent.stderr.read()).decode()
    started = json.loads(line)
    pids = list(started["pids"])
    pids += [child.pid for pid in started["pids"] for child in psutil.Process(pid).children(recursive=True)]
    assert len(_alive(started["pids"])) == 2
    parent.send_signal(sign)
    await parent.wait()
    for _ in range(400):
        if not _alive(pids):
            break
        await asyncio.sleep(0.05)
    assert _alive(pids) == []
    shutil.rmtree(started["data"], ignore_errors=True)


async def test_a_worker_is_awaited_and_stopped(tmp_path: Path) -> None:
    program = tmp_path / "worker.py"
    program.write_text(
        "import os, pathlib, time\n"
        "assert 'TEMPORAL_API_KEY' not in os.environ\n"
        "time.sleep(0.3)\n"
        "pathlib.Path(os.environ['CAREPATH_READY_FILE']).touch()\n"
        "time.sleep(60)\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMPORAL_API_KEY", "meant for another server")
        worker = await run_worker({}, tmp_path / "worker.log", program=program)
    async with worker:
        assert _alive([worker.pid])
    assert not _alive([worker.pid])
    assert worker.returncode == -signal.SIGTERM


async def test_a_worker_that_ends_early_is_reported_with_its_log(tmp_path: Path) -> None:
    program = tmp_path / "worker.py"
    program.write_text("raise SystemExit('the record is older than this worker')")
    with pytest.raises(StackError, match="older than this worker") as caught:
        await run_worker({}, tmp_path / "worker.log", program=program)
    assert caught.value.step == "start the worker"
    assert caught.value.log_path == tmp_path / "worker.log"


async def test_a_worker_that_never_polls_is_ended(tmp_path: Path) -> None:
    program = tmp_path / "worker.py"
    program.write_text("import time; time.sleep(60)")
    with pytest.raises(StackError, match="not ready in"):
        await run_worker({}, tmp_path / "worker.log", program=program, seconds=0.2)
    assert not [
        process for process in psutil.Process().children(recursive=True) if str(program) in " ".join(process.cmdline())
    ]
