import type { Context, SpanKind as Kind } from '@opentelemetry/api'
import type { BullMQOtel } from 'bullmq-otel'

/** Does work within a span that is a child of the present one. */
export type Trace = <T>(name: string, attributes: Record<string, string>, work: () => Promise<T>) => Promise<T>

/** Where nothing is traced. */
export const untraced: Trace = (_name, _attributes, work) => work()

/** The same under the trace that a caller's `traceparent` header names (https://www.w3.org/TR/trace-context/). */
export type TraceFrom = <T>(
  traceparent: string | undefined,
  name: string,
  attributes: Record<string, string>,
  work: () => Promise<T>,
) => Promise<T>

/** Traces by OpenTelemetry. */
export interface Telemetry {
  trace: Trace
  traceFrom: TraceFrom
  /** For BullMQ's queues and workers, which carry the trace through Redis. */
  bullmq: BullMQOtel
  /** Sends what is left. */
  stop(): Promise<void>
}

/** Milliseconds that a stop waits for the collector. */
const GOODBYE = 2000

/**
 * Starts tracing. The libraries are loaded here alone: they cost memory.
 *
 * @param endpoint The base address of a collector; spans go to `/v1/traces` under it.
 * @param role What this process does, as the instance's name.
 */
export async function startTelemetry(endpoint: string, role: string, version: string): Promise<Telemetry> {
  const { context, propagation, SpanKind, SpanStatusCode, trace } = await import('@opentelemetry/api')
  const { AsyncLocalStorageContextManager } = await import('@opentelemetry/context-async-hooks')
  const { W3CTraceContextPropagator } = await import('@opentelemetry/core')
  const { BatchSpanProcessor, TracerProvider } = await import('@opentelemetry/sdk-trace')
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http')
  const { resourceFromAttributes } = await import('@opentelemetry/resources')
  const { BullMQOtel } = await import('bullmq-otel')
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'deployer', 'service.version': version, 'service.instance.id': role }),
    spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: 1000 })],
  })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  trace.setGlobalTracerProvider(provider)
  const tracer = trace.getTracer('deployer', version)

  async function inSpan<T>(
    parent: Context,
    kind: Kind,
    name: string,
    attributes: Record<string, string>,
    work: () => Promise<T>,
  ): Promise<T> {
    const span = tracer.startSpan(name, { attributes, kind }, parent)
    try {
      return await context.with(trace.setSpan(parent, span), work)
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR })
      throw error
    } finally {
      span.end()
    }
  }

  return {
    trace: (...span) => inSpan(context.active(), SpanKind.INTERNAL, ...span),
    traceFrom: (traceparent, ...span) => inSpan(propagation.extract(context.active(), { traceparent }), SpanKind.SERVER, ...span),
    bullmq: new BullMQOtel({ tracerName: 'deployer' }),
    async stop() {
      const { settleWithin } = await import('./settle-within.ts')
      await settleWithin(GOODBYE, provider.shutdown())
    },
  }
}
