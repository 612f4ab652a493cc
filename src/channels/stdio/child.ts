import type { Log } from "../../ops/mod.ts";
import { type Clock, TIMED_OUT, within } from "./clock.ts";
import { type Frame, FrameReader, type SkippedOutput } from "./frame_reader.ts";
import { LineLog } from "./line_log.ts";
import type { StdioSettings } from "./options.ts";
import { ProcessGroup } from "./process_group.ts";
import { printable, StderrCapture } from "./stderr_capture.ts";
import { WriteQueue } from "./write_queue.ts";
import { programName } from "./program_name.ts";

const READ_BYTES = 64 * 1024;
/** How long the child's exit is waited for, once a pipe has closed, to be able to name it. */
const EXIT_NOTICE_MS = 200;
/** After the exit, output is awaited as long as some comes within this time. */
const OUTPUT_IDLE_MS = 200;
/** After the exit, output is awaited this long at most. */
const OUTPUT_LIMIT_MS = 2000;
/** The most that a stop waits for a child to end because its stdin has closed. */
const STDIN_CLOSED_LIMIT_MS = 2000;

/** How a child came to its end. */
export interface ChildEnd {
  /** `closed_pipe`: its stdin broke first; `eof`: it exited, or closed its stdout. */
  readonly kind: "closed_pipe" | "eof";
  /** In words, e.g. `exited with code 3`. */
  readonly detail: string;
  readonly livedMs: number;
}

/** Takes what the child says. */
export interface ChildListener {
  /** One object; the next is not read before a returned promise settles. */
  receive(frame: Frame): Promise<void> | undefined;
  /** A value was too large to keep and has been skipped. */
  onTooLarge(): void;
}

/** One running child process: its pipes, its process group, its end. */
export class StdioChild {
  readonly groupId: number;
  readonly writes: WriteQueue;
  /**
   * Settles when the child cannot be spoken to any more and everything it has said has been handled. Its processes
   * may still be there; {@link close} ends them.
   */
  readonly ended: Promise<ChildEnd>;

  readonly #process: Deno.ChildProcess;
  readonly #settings: StdioSettings;
  readonly #group: ProcessGroup;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  readonly #stderr: StderrCapture;
  readonly #skipped: LineLog;
  readonly #stdoutReader: ReadableStreamBYOBReader;
  readonly #stderrReader: ReadableStreamBYOBReader;
  readonly #stdoutDone: Promise<void>;
  readonly #stderrDone: Promise<void>;
  /** Instant of the last output, and whether the reader waits for more of it. */
  #lastOutputMs: number;
  #reading = true;
  #closed: Promise<void> | undefined;

  /**
   * Starts the command (ST-4).
   * @param listener gives who listens; it is not called before the constructor has returned
   * @throws what the system says when the command cannot be started
   */
  constructor(settings: StdioSettings, listener: () => ChildListener, log: Log, clock: Clock) {
    const [program = "", ...args] = settings.argv;
    this.#process = new Deno.Command(program, {
      args,
      env: settings.env,
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
    this.#settings = settings;
    this.#log = log;
    this.#clock = clock;
    this.#startedAtMs = this.#lastOutputMs = clock.nowMs();
    this.groupId = this.#process.pid;
    this.#group = new ProcessGroup(this.#process, settings.killProgram, log, clock);
    const childLog = log.with({ pid: this.#process.pid, command: programName(program) });
    this.#stderr = new StderrCapture(new LineLog("mcp server stderr", "info", childLog, clock));
    this.#skipped = new LineLog("mcp server stdout skipped", "warn", childLog, clock);

    const stdinBroken = Promise.withResolvers<"stdin">();
    this.writes = new WriteQueue(this.#process.stdin, () => stdinBroken.resolve("stdin"));
    // What has not been written when the child exits can be given to the next one.
    this.#process.status.then(() => this.writes.halt());
    this.#stdoutReader = this.#process.stdout.getReader({ mode: "byob" });
    this.#stderrReader = this.#process.stderr.getReader({ mode: "byob" });
    this.#stdoutDone = this.#readStdout(listener);
    this.#stderrDone = this.#readStderr();
    this.ended = this.#watch(stdinBroken.promise);
    settings.onProcessGroup({ type: "started", channel: settings.name, groupId: this.groupId });
  }

  /** The child's last lines on stderr, oldest first. */
  stderrTail(): readonly string[] {
    return this.#stderr.tail();
  }

  livedMs(): number {
    return this.#clock.nowMs() - this.#startedAtMs;
  }

  /**
   * Ends the child and all of its group: stdin closed, then SIGTERM, then SIGKILL. Idempotent.
   * @param graceMs how long it may take to end by itself
   */
  close(graceMs: number): Promise<void> {
    return this.#closed ??= this.#close(graceMs);
  }

  async #close(graceMs: number): Promise<void> {
    const untilMs = this.#clock.nowMs() + graceMs;
    this.writes.close();
    const patienceMs = Math.min(graceMs / 2, STDIN_CLOSED_LIMIT_MS);
    if (patienceMs > 0) await within(this.#process.status, patienceMs, this.#clock);
    const outputEnded = Promise.all([this.#stdoutDone, this.#stderrDone]);
    const gone = await this.#group.end(Math.max(0, untilMs - this.#clock.nowMs()), outputEnded);
    await this.#drain();
    // What is left now is held open by processes that have left the group.
    await Promise.all([this.#stdoutReader.cancel(), this.#stderrReader.cancel(), this.writes.abandon()]);
    await Promise.all([this.#stdoutDone, this.#stderrDone]);
    this.#skipped.close();
    if (gone) {
      this.#settings.onProcessGroup({ type: "gone", channel: this.#settings.name, groupId: this.groupId });
    }
  }

  async #watch(stdinBroken: Promise<"stdin">): Promise<ChildEnd> {
    const first = await Promise.race([
      this.#process.status.then(() => "exit" as const),
      this.#stdoutDone.then(() => "stdout" as const),
      stdinBroken,
    ]);
    const status = await within(this.#process.status, EXIT_NOTICE_MS, this.#clock);
    if (status !== TIMED_OUT) await this.#drain();
    return {
      kind: first === "stdin" ? "closed_pipe" : "eof",
      detail: status === TIMED_OUT
        ? first === "stdin" ? "closed its standard input" : "closed its standard output"
        : status.signal === null
        ? `exited with code ${status.code}`
        : `was ended by ${status.signal}`,
      livedMs: this.livedMs(),
    };
  }

  /** Waits for the rest of the output: to its end, or until nothing comes any more because a descendant holds the pipes. */
  async #drain(): Promise<void> {
    const done = Promise.all([this.#stdoutDone, this.#stderrDone]);
    const untilMs = this.#clock.nowMs() + OUTPUT_LIMIT_MS;
    for (;;) {
      if (await within(done, OUTPUT_IDLE_MS, this.#clock) !== TIMED_OUT) return;
      // An answer may be waiting behind a notification that is still being delivered.
      if (!this.#reading) continue;
      const nowMs = this.#clock.nowMs();
      if (nowMs - this.#lastOutputMs >= OUTPUT_IDLE_MS || nowMs >= untilMs) return;
    }
  }

  async #readStdout(listener: () => ChildListener): Promise<void> {
    const frames = new FrameReader((skipped) => {
      this.#logSkipped(skipped);
      if (skipped.reason === "too large") listener().onTooLarge();
    });
    let buffer = new Uint8Array(READ_BYTES);
    for (;;) {
      this.#reading = true;
      const value = await this.#read(this.#stdoutReader, buffer);
      this.#reading = false;
      if (value === undefined) frames.end();
      else {
        this.#lastOutputMs = this.#clock.nowMs();
        frames.push(value);
      }
      for (let frame = frames.next(); frame !== undefined; frame = frames.next()) {
        const handled = listener().receive(frame);
        if (handled !== undefined) await handled;
      }
      if (value === undefined) return;
      buffer = new Uint8Array(value.buffer);
    }
  }

  async #readStderr(): Promise<void> {
    let buffer = new Uint8Array(READ_BYTES);
    for (;;) {
      const value = await this.#read(this.#stderrReader, buffer);
      if (value === undefined) break;
      this.#stderr.push(value);
      buffer = new Uint8Array(value.buffer);
    }
    this.#stderr.end();
  }

  /** @returns what has come, or undefined at the end */
  async #read(
    reader: ReadableStreamBYOBReader,
    buffer: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const { value, done } = await reader.read(buffer);
      return done ? undefined : value;
    } catch (error) {
      // A pipe that cannot be read has ended, whatever the system says of it.
      if (!(error instanceof Error)) throw error;
      this.#log.warn("stdio MCP output cannot be read", { pid: this.groupId, error: error.message });
      return undefined;
    }
  }

  #logSkipped(skipped: SkippedOutput): void {
    this.#skipped.write({
      reason: skipped.reason,
      bytes: skipped.bytes,
      line: skipped.head === "" ? undefined : printable(skipped.head),
    });
  }
}
