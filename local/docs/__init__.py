"""The documents that are made from the code: settings, errors, the HTTP API and the topics. `make docs` writes them.

settings  docs/settings.md and docs/settings.env, from every settings class
errors    docs/errors.md, from problem types, fault words and result codes
openapi   docs/openapi.yaml, from gateway.yaml, the request models, the routes' answers in docs/examples
asyncapi  docs/asyncapi.yaml, from the events and the map
record    docs/examples/*.json, real requests and answers of a running platform
"""
