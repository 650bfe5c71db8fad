"""The words of the contract that mean something to the shop."""

from __future__ import annotations

from pipeline.contract import Contract, Table
from pipeline.errors import ContractFileError

ORDER, INVENTORY, ACTIVITY = "order", "inventory", "user_activity"
EVENT_TYPES = (ORDER, INVENTORY, ACTIVITY)
"""What the shop can send."""


class Vocabulary:
    """The contract's tables and the enum words the shop acts on.

    Raises ContractFileError when the contract no longer knows a word the simulation needs.
    """

    def __init__(self, contract: Contract) -> None:
        """Look every word up in `contract`."""
        self.contract = contract
        self.order = _table(contract, ORDER)
        self.inventory = _table(contract, INVENTORY)
        self.activity = _table(contract, ACTIVITY)
        self.statuses = _enum(self.order, "status")
        """The life of an order, in the contract's order."""
        self.restock, self.sale, self.giveback, self.damage = _known(
            self.inventory, "reason", ("restock", "sale", "return", "damage")
        )
        self.login, self.logout, self.view, self.add = _known(
            self.activity, "activity_type", ("login", "logout", "view_product", "add_to_cart")
        )


def _table(contract: Contract, event_type: str) -> Table:
    if event_type not in contract.event_types:
        raise ContractFileError(
            f"the generator simulates {event_type} events, but schemas.json has no such type"
        )
    return contract.table_of(event_type)


def _enum(table: Table, column_name: str) -> tuple[str, ...]:
    for column in table.columns:
        if column.name == column_name and "enum" in column.check:
            return tuple(column.check["enum"])
    raise ContractFileError(
        f"the generator needs the enum of {table.name}.{column_name}, but schemas.json does not give one"
    )


def _known(table: Table, column_name: str, words: tuple[str, ...]) -> tuple[str, ...]:
    enum = _enum(table, column_name)
    for word in words:
        if word not in enum:
            place = f"{table.name}.{column_name}"
            raise ContractFileError(f"the generator sends {word!r} as {place}, but schemas.json forbids it")
    return words
