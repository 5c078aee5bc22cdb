"""What the service and its examiners say to each other, as JSON."""

from dataclasses import dataclass
from typing import Any

from svc_message.domain.media.file import Claim, Findings
from svc_message.infrastructure.examiner.refusal import RefusedError
from svc_message.infrastructure.media import documents as media_documents

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """A file, and what is said of it. With findings all is to be made of it, into `folder`; without, it is judged."""

    file: str
    claim: Claim
    findings: Findings | None = None
    folder: str = ""

    def document(self) -> Document:
        """As it is sent."""
        findings = media_documents.findings_document(self.findings) if self.findings else None
        claim = media_documents.claim_document(self.claim)
        return {"file": self.file, "claim": claim, "findings": findings, "folder": self.folder}

    @classmethod
    def of(cls, document: Document) -> "Job":
        """As it came."""
        findings, claim = document["findings"], media_documents.claim_of(document["claim"])
        return cls(
            document["file"], claim, media_documents.findings_of(findings) if findings else None, document["folder"]
        )


def answer(findings: Findings) -> Document:
    """What was found."""
    return {"found": media_documents.findings_document(findings)}


def refusal(error: RefusedError) -> Document:
    """Why the file is refused."""
    return {"reason": str(error.reason), "message": error.message}
