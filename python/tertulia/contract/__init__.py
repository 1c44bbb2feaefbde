"""Every REST body and hub payload as a typed struct: the source for validation, OpenAPI and both dialects of the hub.

API names are camelCase (msgspec's rename), attributes snake_case. Times are text: RFC 3339, in UTC, with milliseconds.
"""
