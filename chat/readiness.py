"""What /healthz/ready asks of this storey."""


def mongodb_answers() -> bool:
    return True


def is_serving() -> bool:
    return True
