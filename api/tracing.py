"""OpenTelemetry spans, where ESTATE_OTLP_ENDPOINT says to whom they go: one a request, one a query. Off, they cost one comparison."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, request

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

_EXPORT_TIMEOUT_S = 2
_NOTHING: AbstractContextManager[Any] = nullcontext()
_tracer: Tracer | None = None


def query(name: str) -> AbstractContextManager[Any]:
    """A span around one named query, below that of the request. It holds the name and nothing of the parameters."""
    if _tracer is None:
        return _NOTHING
    from opentelemetry.trace import SpanKind

    return _tracer.start_as_current_span(
        f"query {name}",
        kind=SpanKind.CLIENT,
        attributes={"db.system.name": "postgresql", "db.query.summary": name},
        record_exception=False,  # the text of an error may quote data
        set_status_on_exception=False,
    )


def install(app: Flask, endpoint: str, version: str) -> None:
    """Send spans to the OTLP collector at `endpoint` (http or https, without /v1/traces) from now on.

    A collector that is away costs the requests nothing: spans wait in a bounded queue and are dropped when it is full.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource({"service.name": "real-estate-os-api", "service.version": version})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint.rstrip("/") + "/v1/traces", timeout=_EXPORT_TIMEOUT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    use(app, provider)


def use(app: Flask, provider: TracerProvider) -> None:
    """Trace `app` by `provider`."""
    global _tracer  # noqa: PLW0603 - one process has one collector; a lookup for each query would cost those who trace nothing
    _tracer = provider.get_tracer("api")
    app.extensions["tracer-provider"] = provider
    app.before_request_funcs.setdefault(None, []).insert(0, _begin)
    app.after_request(_told)
    app.teardown_request(_end)


def _begin() -> None:
    from opentelemetry import context, trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if _tracer is None:
        return
    # The caller's trace goes on here; its baggage, which may hold anything, does not.
    carrier = {name: request.headers[name] for name in ("traceparent", "tracestate") if name in request.headers}
    parent = TraceContextTextMapPropagator().extract(carrier)
    route = request.url_rule.rule if request.url_rule else "unmatched"
    span = _tracer.start_span(
        f"{request.method} {route}",
        context=parent,
        kind=trace.SpanKind.SERVER,
        attributes={"http.request.method": request.method, "http.route": route},
    )
    g.span, g.span_token = span, context.attach(trace.set_span_in_context(span))


def _told(response: Response) -> Response:
    if span := g.get("span"):
        span.set_attribute("http.response.status_code", response.status_code)
        if "request_id" in g:
            span.set_attribute("estate.request_id", g.request_id)
        if "caller" in g:
            span.set_attribute("estate.tenant_id", str(g.caller.tenant_id))
        if response.status_code >= 500:
            from opentelemetry.trace import StatusCode

            span.set_status(StatusCode.ERROR)
    return response


def _end(_error: BaseException | None) -> None:
    if span := g.pop("span", None):
        from opentelemetry import context

        context.detach(g.pop("span_token"))
        span.end()
