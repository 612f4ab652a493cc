import { whyRefused } from "../config/mod.ts";
import { createFieldLog, LEVEL_RANK, withBound } from "./field_log.ts";
import { lineFormatter, type LogFormat } from "./log_format.ts";
import type { Log, LogFields, LogLevel, LogRecord, Metrics } from "./observe.ts";
import type { Redactor } from "./redactor.ts";

const LOG_FILE_MODE = 0o600;
/** A pipe that is full and set to non-blocking by someone else: how often, and how long in ms, to wait for its reader. */
const FULL_PIPE_RETRIES = 50;
const FULL_PIPE_WAIT_MS = 2;

/** Something that takes bytes at once, such as `Deno.stdout`. */
export interface ByteStream {
  writeSync(bytes: Uint8Array): number;
}

/** Settings of {@link createLogSink}. */
export interface LogSinkOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Path; empty means the standard streams. Opened for append, created with mode 0600 (L-3, CFG-94). */
  readonly file: string;
  /** First fields of every line, e.g. `client_instance_id` and `tunnel_id`. Empty ones are left out (L-7). */
  readonly boundFields: LogFields;
  readonly redactor: Redactor;
  /** Counts `log_events_total` and `log_records_dropped_total`. */
  readonly metrics: Pick<Metrics, "count">;
}

/** The place where log lines are written; it belongs to the main thread. */
export interface LogSink {
  readonly log: Log;
  /** Writes a batch of another thread: one system call, whole lines. */
  write(records: readonly LogRecord[]): void;
  setLevel(level: LogLevel): void;
  /** Closes the file; later records go to the standard stream of the format. Nothing waits, so there is nothing to flush. */
  close(): void;
}

/** A log file could not be opened. */
export class LogFileError extends Error {
  override readonly name = "LogFileError";
}

/**
 * Opens the log. `plain` goes to stderr, the other formats to stdout, and every format to the file when there is one
 * (R-19, CFG-92). Every record passes the redactor, the console included. A write has happened when the call returns.
 * @throws {LogFileError} when the file cannot be opened
 */
export function createLogSink(
  options: LogSinkOptions,
  streams: { readonly stdout: ByteStream; readonly stderr: ByteStream } = Deno,
): LogSink {
  const { redactor, metrics } = options;
  const format = lineFormatter(options.format);
  const encoder = new TextEncoder();
  const bound = withoutEmpty(options.boundFields);
  const console = options.format === "plain" ? streams.stderr : streams.stdout;
  let file = options.file === "" ? undefined : openLogFile(options.file);
  let threshold = LEVEL_RANK[options.level];
  /** Records that could not be written since the last one that could. */
  let lost = 0;

  function line(record: LogRecord): string {
    metrics.count("log_events_total", { level: record.level });
    return format({
      timeMs: record.timeMs,
      level: record.level,
      event: redactor.constantText(record.event),
      fields: redactor.fields(withBound(bound, record.fields)),
    });
  }

  function put(text: string, recordCount: number): void {
    const target = file ?? console;
    const note = lost === 0 ? "" : line({
      timeMs: Date.now(),
      level: "warn",
      event: "log records dropped",
      fields: { count: lost, reason: "the log could not be written" },
    });
    try {
      writeAll(target, encoder.encode(note + text));
      lost = 0;
    } catch (error) {
      if (!isWriteFailure(error)) throw error;
      // The program outlives its log: a full disk or a reader that went away must not stop commands.
      if (lost === 0 && target !== streams.stderr) complain(error);
      lost += recordCount;
      metrics.count("log_records_dropped_total", undefined, recordCount);
    }
  }

  function complain(cause: Error): void {
    const where = file === undefined ? "standard output" : `log file ${options.file}`;
    try {
      writeAll(streams.stderr, encoder.encode(`tunnel-client: cannot write to ${where}: ${cause.message}\n`));
    } catch (error) {
      if (!isWriteFailure(error)) throw error;
    }
  }

  return {
    log: createFieldLog({
      enabled: (level) => LEVEL_RANK[level] >= threshold,
      take: (level, event, fields) => put(line({ timeMs: Date.now(), level, event, fields }), 1),
    }),
    write(records) {
      let text = "";
      let count = 0;
      for (const record of records) {
        if (LEVEL_RANK[record.level] < threshold) continue;
        text += line(record);
        count++;
      }
      if (count > 0) put(text, count);
    },
    setLevel(level) {
      threshold = LEVEL_RANK[level];
    },
    close() {
      file?.close();
      file = undefined;
    },
  };
}

function openLogFile(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { append: true, create: true, mode: LOG_FILE_MODE });
  } catch (error) {
    throw new LogFileError(
      `cannot open log.file ${JSON.stringify(path)}: ${
        whyRefused(error)
      }; its directory must exist and be writable`,
      { cause: error },
    );
  }
}

/** One call of `writeSync` may take only a part. */
function writeAll(target: ByteStream, bytes: Uint8Array): void {
  let rest = bytes;
  let retries = FULL_PIPE_RETRIES;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(target.writeSync(rest));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock) || retries-- === 0) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_WAIT_MS);
    }
  }
}

/** What the operating system answers when a log cannot be written: broken pipe, full disk, closed file. */
function isWriteFailure(error: unknown): error is Error {
  return error instanceof Error && !(error instanceof TypeError) && !(error instanceof RangeError);
}

function withoutEmpty(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== ""),
  );
}
