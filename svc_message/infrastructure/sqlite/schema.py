"""Tables of the message service.

Ids on the wire are strings; in here they are small integers that rise (`party`, `conversation`), because narrow keys
that are close to each other are what makes a row cheap: 5-11 µs at 64-256 rows a commit, against 11-20 µs with random
16-byte keys.
"""

from typing import Final

from svc_message.infrastructure.sqlite import broadcasts, push_marks, reports, statistics
from svc_message.infrastructure.sqlite.estates import ESTATES
from svc_message.infrastructure.sqlite.gallery import KINDS
from svc_message.infrastructure.sqlite.media import MEDIA
from svc_message.infrastructure.sqlite.search import ANEW, TABLES
from svc_message.infrastructure.sqlite.sinks import SINKS

CHANGES: Final = """
    DROP INDEX entry_target;
    CREATE INDEX entry_target ON entry (conversation, target, seq) WHERE target > 0;
    CREATE INDEX entry_pin ON entry (conversation, seq) WHERE kind = 5
"""
"""What changes a post, in the order of the log; and all that pins. A post is in neither index."""

SCHEMA: Final = (
    """
    CREATE TABLE party (key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);

    CREATE TABLE conversation (
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        muted_all INTEGER NOT NULL DEFAULT 0,
        mention_all_open INTEGER NOT NULL DEFAULT 0
    );

    CREATE TABLE entry (
        conversation INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        device INTEGER NOT NULL,
        client_message_id INTEGER NOT NULL,
        sender INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        target INTEGER NOT NULL,
        sent_at_ms INTEGER NOT NULL,
        body BLOB NOT NULL
    );
    CREATE UNIQUE INDEX entry_place ON entry (conversation, seq);
    CREATE UNIQUE INDEX entry_key ON entry (device, client_message_id, conversation);
    CREATE INDEX entry_target ON entry (conversation, target) WHERE target > 0;

    CREATE TABLE mention (
        conversation INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        user INTEGER NOT NULL,
        PRIMARY KEY (conversation, seq, user)
    ) WITHOUT ROWID;

    CREATE TABLE member (
        user INTEGER NOT NULL,
        conversation INTEGER NOT NULL,
        join_seq INTEGER NOT NULL DEFAULT 0,
        first_seq INTEGER NOT NULL DEFAULT 1,
        left_seq INTEGER NOT NULL DEFAULT 0,
        role INTEGER NOT NULL DEFAULT 1,
        muted_until_ms INTEGER NOT NULL DEFAULT 0,
        read_seq INTEGER NOT NULL DEFAULT 0,
        received_seq INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (user, conversation)
    ) WITHOUT ROWID;
    CREATE INDEX member_of ON member (conversation, user)
    """,
    """
    DROP INDEX entry_key;
    CREATE UNIQUE INDEX entry_key ON entry (client_message_id, device, conversation)
    """,
    """
    ALTER TABLE conversation ADD COLUMN pin_open INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE conversation ADD COLUMN slow_mode_seconds INTEGER NOT NULL DEFAULT 0
    """,
    CHANGES,
    TABLES,
    MEDIA,
    """
    CREATE TABLE own (
        user INTEGER NOT NULL,
        conversation INTEGER NOT NULL,
        version INTEGER NOT NULL,
        muted_until_ms INTEGER NOT NULL,
        tell_at_ms INTEGER NOT NULL,
        cleared_seq INTEGER NOT NULL,
        hidden TEXT NOT NULL,
        rest TEXT NOT NULL,
        PRIMARY KEY (user, conversation)
    ) WITHOUT ROWID;
    CREATE INDEX own_due ON own (tell_at_ms) WHERE tell_at_ms > 0;

    CREATE TABLE quiet (user TEXT PRIMARY KEY, version INTEGER NOT NULL, rest TEXT NOT NULL) WITHOUT ROWID;

    ALTER TABLE conversation ADD COLUMN cut_seq INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE conversation ADD COLUMN retention_days INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE conversation ADD COLUMN retention_since_ms INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX conversation_kept ON conversation (id) WHERE retention_days > 0;

    CREATE TABLE expiring (
        conversation INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        sender INTEGER NOT NULL,
        after_ms INTEGER NOT NULL,
        due_at_ms INTEGER NOT NULL,
        PRIMARY KEY (conversation, seq)
    ) WITHOUT ROWID;
    CREATE INDEX expiring_due ON expiring (due_at_ms) WHERE due_at_ms > 0;
    CREATE INDEX expiring_waits ON expiring (conversation, seq) WHERE due_at_ms = 0;

    CREATE TABLE scheduled (
        user TEXT NOT NULL,
        conversation TEXT NOT NULL,
        client_message_id INTEGER NOT NULL,
        device TEXT NOT NULL,
        send_at_ms INTEGER NOT NULL,
        send BLOB NOT NULL,
        due_at_ms INTEGER NOT NULL,
        sending INTEGER NOT NULL,
        PRIMARY KEY (user, conversation, client_message_id)
    );
    CREATE INDEX scheduled_due ON scheduled (due_at_ms);

    DROP TRIGGER search_recalled;
    CREATE TRIGGER search_recalled AFTER UPDATE OF kind ON entry WHEN new.kind IN (30, 31) BEGIN
        DELETE FROM search WHERE rowid = old.rowid;
    END
    """,
    SINKS,
    reports.SCHEMA,
    broadcasts.SCHEMA,
    statistics.SCHEMA,
    "ALTER TABLE conversation ADD COLUMN member_receipts INTEGER NOT NULL DEFAULT 0",
    push_marks.SCHEMA,
    KINDS,
    ESTATES,
    "ALTER TABLE member ADD COLUMN addressed_before INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE conversation ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0",
    ANEW,
)
"""Migration steps. Numbers of sends rise with time, so with them in front what is new goes to the end of `entry_key`,
wherever it comes from: with the device in front each device has a page of its own to write. `mention.user` 0 addresses
everyone; `target` is set for what changes an earlier post. `own.hidden` is a list of seqs, `rest` what nobody looks
for; `expiring.due_at_ms` is 0 until the post was read."""
