"""Changes of the contract that break somebody, changes that do not, and what is said of each."""

from __future__ import annotations

from typing import Any

from pipeline.schemas.__main__ import APPLY, DEPLOY, PRODUCE
from tests.contract.changed_contract import Change, Content, activity, column, columns, earlier

NULLABLE = {"name": "gift", "type": "BOOLEAN", "mode": "NULLABLE", "description": "Some."}
REQUIRED = {**NULLABLE, "mode": "REQUIRED"}


def check(content: Content, name: str, **words: Any) -> None:
    column(content, name)["check"] = {**column(content, name).get("check", {}), **words}


def without(content: Content, name: str, word: str) -> None:
    del column(content, name)["check"][word]


def earlier_columns(content: Content, version: str = "1") -> list[Content]:
    found: list[Content] = earlier(content, version)["columns"]
    return found


def earlier_column(content: Content, name: str, version: str = "1") -> Content:
    return next(each for each in earlier_columns(content, version) if each["name"] == name)


def without_version_2(content: Content) -> None:
    del activity(content)["earlier_versions"]["2"]


def version_2_alone(content: Content) -> None:
    without_version_2(content)
    activity(content)["schema_version"] = 2


BREAKING: dict[str, tuple[Change, str]] = {
    "a column is gone": (
        lambda c: columns(c, "user_activity").remove(column(c, "metadata", "user_activity")),
        "user_activity.metadata is gone.",
    ),
    "a column is renamed": (
        lambda c: column(c, "total_amount").update(name="total_amounts"),
        "orders.total_amount is gone (renamed to total_amounts?).",
    ),
    "a type": (
        lambda c: column(c, "total_amount").update(type="INTEGER"),
        "orders.total_amount was of type FLOAT and is of type INTEGER.",
    ),
    "a new REQUIRED column": (lambda c: columns(c).append(REQUIRED), "orders.gift is new and REQUIRED."),
    "a new REQUIRED field": (
        lambda c: column(c, "items")["fields"].append(REQUIRED),
        "orders.items.gift is new and REQUIRED.",
    ),
    "a column becomes REQUIRED": (
        lambda c: column(c, "shipping_address").update(mode="REQUIRED"),
        "orders.shipping_address was NULLABLE and is REQUIRED.",
    ),
    "an enum is narrower": (
        lambda c: column(c, "activity_type", "user_activity").update(check={"enum": ["login"]}),
        "user_activity.activity_type enum was ['login', 'logout', 'view_product', 'add_to_cart'] "
        "and is ['login'].",
    ),
    "an enum is new": (
        lambda c: check(c, "order_id", enum=["a"]),
        "orders.order_id enum was absent and is ['a'].",
    ),
    "a length is shorter": (
        lambda c: check(c, "order_id", maxLength=64),
        "orders.order_id maxLength was 128 and is 64.",
    ),
    "a minimum is higher": (
        lambda c: check(c, "total_amount", minimum=1),
        "orders.total_amount minimum was 0 and is 1.",
    ),
    "a pattern is new": (
        lambda c: check(c, "order_id", pattern="^o"),
        "orders.order_id pattern was absent and is ^o.",
    ),
    "more values are forbidden": (
        lambda c: column(c, "quantity_change", "inventory_logs").update(check={"not": {"enum": [0, 1]}}),
        "inventory_logs.quantity_change not was {'enum': [0]} and is {'enum': [0, 1]}.",
    ),
    "a version goes back": (
        version_2_alone,
        "user_activity schema_version was 3 and is 2.",
    ),
    "an earlier version is gone": (
        without_version_2,
        "user_activity version 2 has no columns of its own any more.",
    ),
    "a column of an earlier version is gone": (
        lambda c: earlier_columns(c, "2").remove(earlier_column(c, "category", "2")),
        "user_activity version 2.category is gone.",
    ),
    "a column of an earlier version becomes REQUIRED": (
        lambda c: earlier_column(c, "price").update(mode="REQUIRED"),
        "user_activity version 1.price was NULLABLE and is REQUIRED.",
    ),
    "an enum of an earlier version is narrower": (
        lambda c: earlier_column(c, "event_type").update(check={"enum": ["login"]}),
        "user_activity version 1.event_type enum was ['login', 'logout', 'view_product', 'add_to_cart'] "
        "and is ['login'].",
    ),
    "another type in an earlier version": (
        lambda c: earlier_column(c, "price").update(type="STRING"),
        "user_activity version 1.price was of type FLOAT and is of type STRING.",
    ),
    "another event type": (
        lambda c: c["tables"]["orders"].update(event_type="purchase"),
        "orders event_type was order and is purchase.",
    ),
    "a view is gone": (
        lambda c: c["views"].pop("dead_letters_open"),
        "dead_letters_open is gone, for all who query it.",
    ),
}
SAFE: dict[str, tuple[Change, str, list[str]]] = {
    "a new NULLABLE column": (
        lambda c: columns(c).append(NULLABLE),
        "table     orders.gift is a new NULLABLE column.",
        [APPLY, DEPLOY, PRODUCE],
    ),
    "a REQUIRED column becomes NULLABLE": (
        lambda c: column(c, "customer_id").update(mode="NULLABLE"),
        "table     orders.customer_id was REQUIRED and is NULLABLE.",
        [APPLY, DEPLOY, PRODUCE],
    ),
    "an enum is wider": (
        lambda c: check(c, "status", enum=["pending", "processing", "shipped", "delivered", "lost"]),
        "pipeline  orders.status enum was",
        [DEPLOY, PRODUCE],
    ),
    "a check is gone": (
        lambda c: without(c, "order_id", "maxLength"),
        "pipeline  orders.order_id maxLength was 128 and is absent.",
        [DEPLOY, PRODUCE],
    ),
    "a column becomes personal": (
        lambda c: column(c, "order_id").update(pii=True),
        "pipeline  orders.order_id is marked pii now.",
        [DEPLOY, PRODUCE],
    ),
    "a version more": (
        lambda c: c["tables"]["orders"].update(schema_version=2),
        "pipeline  orders schema_version was 1 and is 2.",
        [DEPLOY, PRODUCE],
    ),
    "an earlier version takes more": (
        lambda c: earlier_column(c, "event_type").update(mode="NULLABLE"),
        "pipeline  user_activity version 1.event_type was REQUIRED and is NULLABLE.",
        [DEPLOY, PRODUCE],
    ),
    "a check of an earlier version is gone": (
        lambda c: earlier_column(c, "user_id", "2").pop("check"),
        "pipeline  user_activity version 2.user_id minLength was 1 and is absent.",
        [DEPLOY, PRODUCE],
    ),
    "a description": (
        lambda c: column(c, "status").update(description="Another."),
        "text      orders.status has another description.",
        [APPLY],
    ),
}
