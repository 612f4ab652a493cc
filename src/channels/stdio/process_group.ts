import type { Log } from "../../ops/mod.ts";
import { type Clock, sleep, within } from "./clock.ts";

/** First and longest wait between two looks at a group that is ending, in ms. */
const LOOK_MIN_MS = 10;
const LOOK_MAX_MS = 100;
/** How long a killed group may take to vanish; only a process stuck in the kernel takes longer. */
const KILLED_LIMIT_MS = 2000;

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
   * @returns true when none is left
   */
  async end(graceMs: number): Promise<boolean> {
    if (graceMs > 0) {
      if (!await this.#signal("TERM")) return true;
      if (await this.#gone(graceMs)) return true;
    }
    if (!await this.#signal("KILL")) return true;
    if (await this.#gone(KILLED_LIMIT_MS)) return true;
    this.#log.error("stdio MCP processes could not be ended", { processGroup: this.id });
    return false;
  }

  /** Looks again and again until the group is empty. @returns false when it was not within `limitMs` */
  async #gone(limitMs: number): Promise<boolean> {
    const untilMs = this.#clock.nowMs() + limitMs;
    let pauseMs = LOOK_MIN_MS;
    for (;;) {
      const leftMs = untilMs - this.#clock.nowMs();
      if (leftMs <= 0) return false;
      const waitMs = Math.min(pauseMs, leftMs);
      await (this.#childEnded ? sleep(waitMs, this.#clock) : within(this.#child.status, waitMs, this.#clock));
      if (!await this.#signal("0")) return true;
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
