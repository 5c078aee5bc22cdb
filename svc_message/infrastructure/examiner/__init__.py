"""Looks into files in processes of their own. `pool` is the side of the service; all else here runs in those."""

from svc_message.infrastructure.examiner.pool import ExaminerPool

__all__ = ["ExaminerPool"]
