import type { Log } from "../../ops/mod.ts";
import { type Clock, sleep, TIMED_OUT, within } from "./clock.ts";

/** First and longest wait between two looks at a group that is ending, in ms. */
const LOOK_MIN_MS = 10;
const LOOK_MAX_MS = 100;
/** How long the rest of a group may take after the child has ended and its pipes are closed, in ms. */
const STRAGGLER_LIMIT_MS = 200;
/** How long a killed group may take to vanish, in ms. */
const KILLED_LIMIT_MS = 1000;

/**
 * The processes that a child and its descendants form: on POSIX its process group, which `detached: true` made and whose id
 * is the child's; on Windows the child's process tree.
 *
 * Deno's own `Deno.kill(-id)` wants unlimited `run` permission, so the group is reached with the `kill` program
 * (`taskkill` on Windows). Without one only the child itself can be ended.
 */
export class ProcessGroup {
  readonly id: number;
  readonly #child: Deno.ChildProcess;
  readonly #killProgram: string | undefined;
  readonly #log: Log;
  readonly #clock: Clock;
  #childEnded = false;
  #saidFallback = false;

  constructor(child: Deno.ChildProcess, killProgram: string | undefined, log: Log, clock: Clock) {
    this.id = child.pid;
    this.#child = child;
    this.#killProgram = killProgram;
    this.#log = log;
    this.#clock = clock;
    child.status.then(() => this.#childEnded = true);
  }

  /**
   * Ends every process of the group: first asks, then kills.
   * @param graceMs how long they may take to end by themselves; 0 kills at once
   * @param outputEnded settles when none of them holds the child's stdout and stderr any more
   * @returns false when the child itself is still there
   */
  async end(graceMs: number, outputEnded: Promise<unknown>): Promise<boolean> {
    const settled = Promise.all([this.#child.status, outputEnded]);
    if (graceMs > 0) {
      if (!await this.#signal("TERM")) return true;
      if (await this.#gone("0", graceMs, settled)) return true;
    }
    if (!await this.#signal("KILL")) return true;
    if (await this.#gone("KILL", KILLED_LIMIT_MS, settled)) return true;
    if (this.#childEnded) {
      this.#log.debug("stdio MCP processes are killed but still listed", { processGroup: this.id });
      return true;
    }
    this.#log.error("stdio MCP command could not be ended", { processGroup: this.id });
    return false;
  }

  /**
   * Looks again and again until the group is empty. Once it has `settled`, what is still listed is most likely dead and
   * not collected by its new parent, as in a container whose first process does not do that; it gets little more time.
   * @param probe signal that each look sends
   * @returns false when it was not empty in time
   */
  async #gone(probe: "KILL" | "0", limitMs: number, settled: Promise<unknown>): Promise<boolean> {
    let untilMs = this.#clock.nowMs() + limitMs;
    let pauseMs = LOOK_MIN_MS;
    let isSettled = false;
    for (;;) {
      const leftMs = untilMs - this.#clock.nowMs();
      if (leftMs <= 0) return false;
      const waitMs = Math.min(pauseMs, leftMs);
      if (isSettled) await sleep(waitMs, this.#clock);
      else if (await within(settled, waitMs, this.#clock) !== TIMED_OUT) {
        isSettled = true;
        untilMs = Math.min(untilMs, this.#clock.nowMs() + STRAGGLER_LIMIT_MS);
      }
      if (!await this.#signal(probe)) return true;
      pauseMs = Math.min(LOOK_MAX_MS, pauseMs * 2);
    }
  }

  /**
   * Sends a signal to all of the group; `0` only looks whether it exists.
   * @returns false when there is no process to send it to
   */
  async #signal(signal: "TERM" | "KILL" | "0"): Promise<boolean> {
    if (this.#killProgram === undefined) return this.#signalChild(signal);
    if (Deno.build.os === "windows") return await this.#endTree(this.#killProgram, signal);
    const reached = await this.#run(this.#killProgram, [`-${signal}`, "--", `-${this.id}`]);
    if (reached === undefined) return this.#signalChild(signal);
    // The program also fails where it may not send: as long as the child lives, the group is not empty.
    return reached || !this.#childEnded;
  }

  /** Windows knows no polite signal for console programs, and a tree only while its root lives. */
  async #endTree(killProgram: string, signal: "TERM" | "KILL" | "0"): Promise<boolean> {
    if (signal === "KILL" && !this.#childEnded) {
      if (await this.#run(killProgram, ["/PID", `${this.id}`, "/T", "/F"]) === undefined) {
        this.#signalChild(signal);
      }
    }
    return !this.#childEnded;
  }

  /** @returns whether the program succeeded; undefined when it could not be started */
  async #run(program: string, args: string[]): Promise<boolean | undefined> {
    try {
      const command = new Deno.Command(program, {
        args,
        clearEnv: true,
        stdin: "null",
        stdout: "null",
        stderr: "null",
      });
      return (await command.spawn().status).success;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable)) throw error;
      return undefined;
    }
  }

  #signalChild(signal: "TERM" | "KILL" | "0"): boolean {
    if (!this.#saidFallback) {
      this.#saidFallback = true;
      this.#log.warn("stdio MCP process group cannot be reached; only the command itself is ended", {
        processGroup: this.id,
        reason: this.#killProgram === undefined ? "no kill program" : "kill program could not be started",
      });
    }
    if (this.#childEnded) return false;
    if (signal === "0") return true;
    try {
      this.#child.kill(signal === "TERM" ? "SIGTERM" : "SIGKILL");
      return true;
    } catch (error) {
      // It ended between the look and the signal.
      if (error instanceof TypeError || error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }
}
