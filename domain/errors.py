"""What the business refuses. Each error carries the data of the refusal and says what to do instead."""

from domain.wording import readable


class DomainError(Exception):
    """A request that a rule of the business refuses.

    Attributes:
        message: One line that says what was refused.
        hint: One line that says what to do instead.
    """

    def __init__(self, message: str, hint: str) -> None:
        self.message = readable(message)
        super().__init__(self.message)
        self.hint = hint


class InvalidValueError(DomainError):
    """A value that breaks a rule of its field.

    Attributes:
        field: Name of the field.
        value: What was given.
    """

    def __init__(self, field: str, value: object, hint: str) -> None:
        super().__init__(f"{field} {value!r} is not valid", hint)
        self.field = field
        self.value = value


class NotFoundError(DomainError):
    """Nothing living answers to the key.

    Attributes:
        kind: What was looked for: user, product, order, document.
        key: By what it was looked for.
    """

    def __init__(self, kind: str, key: object, hint: str) -> None:
        super().__init__(f"there is no {kind} {key}", hint)
        self.kind = kind
        self.key = key


class AlreadyDeletedError(DomainError):
    """Something that is deleted cannot be deleted again.

    Attributes:
        kind: What it is: user, product, document.
        key: By what people know it.
    """

    def __init__(self, kind: str, key: object) -> None:
        super().__init__(f"{kind} {key} is already deleted", "restore it first, if it was to live again")
        self.kind = kind
        self.key = key


class NotDeletedError(DomainError):
    """Something that lives cannot be restored.

    Attributes:
        kind: What it is: user, product, document.
        key: By what people know it.
    """

    def __init__(self, kind: str, key: object) -> None:
        super().__init__(f"{kind} {key} is not deleted", "only what is deleted can be restored")
        self.kind = kind
        self.key = key
