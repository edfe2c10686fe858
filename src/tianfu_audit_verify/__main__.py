"""`python -m tianfu_audit_verify`."""

from tianfu_audit_verify.command import run

run()
