"""The embedded server's settings, fitted to the machine.

Each setting: https://www.postgresql.org/docs/18/runtime-config.html
"""

from __future__ import annotations

import os
from pathlib import Path

MEBIBYTE = 1 << 20
CONNECTIONS_MAX = 100


def machine_memory_bytes() -> int:
    """The memory that this machine, or the container around this process, may use."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file() and (text := limit.read_text("utf-8").strip()).isdigit():
        memory = min(memory, int(text))
    return memory


def configuration(*, socket_folder: Path, memory_bytes: int) -> str:
    """The text of postgresql.conf."""
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket_folder),
        "unix_socket_permissions": "0700",
        "max_connections": str(CONNECTIONS_MAX),
        "password_encryption": "scram-sha-256",
        "shared_buffers": _mebibytes(memory_bytes / 8, least=64, most=8192),
        "effective_cache_size": _mebibytes(memory_bytes / 2, least=256, most=1 << 20),
        "work_mem": _mebibytes(memory_bytes / 1024, least=8, most=64),
        "maintenance_work_mem": _mebibytes(memory_bytes / 16, least=64, most=1024),
        "max_wal_size": "1GB",
        "min_wal_size": "256MB",
        "wal_buffers": "16MB",
        "checkpoint_timeout": "15min",
        "max_locks_per_transaction": "256",
        "random_page_cost": "1.1",
        "jit": "off",
        "idle_in_transaction_session_timeout": "10min",
        "update_process_title": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "log_line_prefix": "%m [%p] %q%u ",
        "log_error_verbosity": "terse",  # details and contexts quote values of patients
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_connections": "on",  # who signed in, beside what our own trail says
        "log_lock_waits": "on",
        "log_temp_files": "64MB",
    }
    lines = [f"{name} = '{_quoted(value)}'" for name, value in settings.items()]
    return "\n".join(["# Written at every start; changes here are lost.", *lines, ""])


def _mebibytes(amount_bytes: float, *, least: int, most: int) -> str:
    return f"{int(min(max(amount_bytes / MEBIBYTE, least), most))}MB"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
