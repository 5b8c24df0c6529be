"""The AsyncAPI document of the topics: made from the schemas, the topics and the headers' names."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from client.ledger_client import ASKED_AT, NOT_AFTER
from eventlog import topics
from eventlog.records import SOURCE, SOURCE_LENGTH_MAX
from eventlog.replies import CORRELATION_ID, INSTANCE_ID
from eventlog.settings import GENERATION
from eventlog.topics import Topic
from schemas.catalogue import Schema, latest, versions

Node = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
AVRO = "application/vnd.apache.avro"

DESCRIPTION = """\
Usage comes in, money moves, every cent can be explained. Seen from the ledger: it receives usage \
and commands, it sends events, replies and dead letters. A value is a zero byte, the schema's id \
as four bytes (big-endian), the Avro payload; the partition is murmur2 of the key, as Java's \
clients compute it. Whoever publishes reads *Publish usage with your own Kafka client* and \
*Ask for a hold and read the reply* in the documentation."""

TENANT_KEY = "The tenant, in UTF-8: the value's tenant_id."
KEYS = {
    topics.WALLET_COMMANDS.name: f"{TENANT_KEY} None for what is for a whole partition.",
    topics.WALLET_EVENTS.name: f"{TENANT_KEY} None for the last record of each transaction.",
    topics.RATE_CARDS.name: "The card and its version.",
    topics.LEDGER_DLQ.name: "That of the input, whatever it was.",
}

SOURCE_HEADER: Node = {
    "type": "string",
    "pattern": f"^[ -~]{{1,{SOURCE_LENGTH_MAX}}}$",
    "description": "The service that publishes, so that its team finds what was refused.",
}
TIME_HEADER: Node = {"type": "string", "pattern": "^[0-9]{1,15}$"}
ASKER_HEADERS: Mapping[str, Node] = {
    INSTANCE_ID: {
        "type": "string",
        "description": "Names the asking process, new at each start; the reply carries it.",
    },
    CORRELATION_ID: {
        "type": "string",
        "description": "Names the question within the process; the reply carries it.",
    },
}
HEADERS: Mapping[str, Mapping[str, Node]] = {
    **{topic.name: {SOURCE: SOURCE_HEADER} for topic in topics.USAGE},
    topics.WALLET_COMMANDS.name: {
        **ASKER_HEADERS,
        ASKED_AT: {**TIME_HEADER, "description": "When it was asked, in UTC milliseconds."},
        NOT_AFTER: {
            **TIME_HEADER,
            "description": "After this time (UTC milliseconds) it is refused as too_late.",
        },
        SOURCE: SOURCE_HEADER,
    },
    topics.WALLET_REPLIES.name: ASKER_HEADERS,
}
RECEIVED = (*topics.USAGE, topics.WALLET_COMMANDS)


def asyncapi_page() -> str:
    """The document as it stands in the reference, in JSON, which is YAML too."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def document() -> Node:
    """The document, of AsyncAPI 3.0."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Aitelier ledger",
            "version": project["version"],
            "description": DESCRIPTION,
        },
        "defaultContentType": AVRO,
        "channels": {topic.name: _channel(topic) for topic in topics.TOPICS},
        "operations": {
            _operation_name(topic): _operation(topic)
            for topic in topics.TOPICS
            if topic is not topics.WALLET_REPLIES
        },
        "components": {
            "messages": {topic.name: _message(latest(topic.name)) for topic in topics.TOPICS},
        },
    }


def _channel(topic: Topic) -> Node:
    return {
        "address": f"{{prefix}}{GENERATION}.{topic.name}",
        "description": latest(topic.name).parsed["doc"],
        "parameters": {
            "prefix": {
                "description": "What separates environments on one cluster; empty by default.",
                "default": "",
            }
        },
        "messages": {topic.name: {"$ref": f"#/components/messages/{topic.name}"}},
        "bindings": {"kafka": _kafka_channel(topic)},
    }


def _kafka_channel(topic: Topic) -> Node:
    """As many partitions as the deployment has, unless the topic has a number of its own."""
    partitions = {"partitions": topic.partitions} if topic.partitions else {}
    settings = {
        "cleanup.policy": ["delete"],
        "retention.ms": topic.retention_ms,
        "max.message.bytes": topic.batch_bytes_max,
    }
    return {**partitions, "topicConfiguration": settings, "bindingVersion": "0.5.0"}


def _message(schema: Schema) -> Node:
    headers = HEADERS.get(schema.topic)
    correlation = {"correlationId": {"location": f"$message.header#/{CORRELATION_ID}"}}
    return {
        "name": schema.topic,
        "title": schema.parsed["name"],
        "summary": schema.parsed["doc"],
        "contentType": AVRO,
        **({"headers": {"type": "object", "properties": dict(headers)}} if headers else {}),
        **(correlation if headers is not None and CORRELATION_ID in headers else {}),
        "payload": {
            "schemaFormat": f"{AVRO};version=1.9.0",
            "schema": schema.parsed,
        },
        "bindings": {"kafka": _kafka_message(schema)},
        "x-schema-ids": _ids(versions(schema.topic)),
    }


def _kafka_message(schema: Schema) -> Node:
    described = KEYS.get(schema.topic, TENANT_KEY)
    return {
        "key": {"type": "string", "description": described},
        "schemaIdLocation": "payload",
        "schemaIdPayloadEncoding": "confluent",
        "bindingVersion": "0.5.0",
    }


def _ids(schemas: Sequence[Schema]) -> dict[str, int]:
    """The id of each version: all are read, the newest is written."""
    return {str(schema.version): schema.schema_id for schema in schemas}


def _operation_name(topic: Topic) -> str:
    words = topic.name.split(".")
    return ("receive" if topic in RECEIVED else "send") + "".join(map(str.capitalize, words))


def _operation(topic: Topic) -> Node:
    action = "receive" if topic in RECEIVED else "send"
    operation: Node = {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{topic.name}"}],
    }
    if topic is topics.WALLET_COMMANDS:
        replies = topics.WALLET_REPLIES.name
        operation["reply"] = {
            "channel": {"$ref": f"#/channels/{replies}"},
            "messages": [{"$ref": f"#/channels/{replies}/messages/{replies}"}],
        }
    return operation
