"""Errors of the domain. Each has the data of the refusal, and a hint that says what to do instead."""

from domain.wording import readable


class DomainError(Exception):
    """A request that a business rule refuses.

    Attributes:
        message: One line that says what was refused.
        hint: One line that says what to do instead.
    """

    def __init__(self, message: str, hint: str) -> None:
        self.message = readable(message)
        super().__init__(self.message)
        self.hint = hint


class InvalidValueError(DomainError):
    """A value that violates a rule of its field.

    Attributes:
        field: Name of the field.
        value: The refused value.
    """

    def __init__(self, field: str, value: object, hint: str) -> None:
        super().__init__(f"{field} {value!r} is not valid", hint)
        self.field = field
        self.value = value


class NotFoundError(DomainError):
    """No object has the key.

    Attributes:
        kind: Kind of the object, such as `user`.
        key: The key that was looked up.
    """

    def __init__(self, kind: str, key: object, hint: str) -> None:
        super().__init__(f"there is no {kind} {key}", hint)
        self.kind = kind
        self.key = key


class AlreadyDeletedError(DomainError):
    """An object is deleted already, and cannot be deleted again.

    Attributes:
        kind: Kind of the object, such as `user`.
        key: Key by which people know the object.
    """

    def __init__(self, kind: str, key: object) -> None:
        super().__init__(f"{kind} {key} is already deleted", "restore it first if you want to delete it again")
        self.kind = kind
        self.key = key


class NotDeletedError(DomainError):
    """An object is not deleted, and cannot be restored.

    Attributes:
        kind: Kind of the object, such as `user`.
        key: Key by which people know the object.
    """

    def __init__(self, kind: str, key: object) -> None:
        super().__init__(f"{kind} {key} is not deleted", "only what is deleted can be restored")
        self.kind = kind
        self.key = key
