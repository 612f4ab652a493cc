import type { CallToolResult, InputRequest } from "@modelcontextprotocol/server";

const TTL_MS = 600_000;
const POLL_INTERVAL_MS = 200;

/** The part of a task that a call is answered with when it has become one (SEP-2663). */
export type TaskHead = {
  taskId: string;
  status: "working" | "input_required" | "completed" | "failed" | "cancelled";
  createdAt: string;
  lastUpdatedAt: string;
  ttlMs: number;
  pollIntervalMs: number;
};

/** A task as `tasks/get` shows it. */
export type TaskView = TaskHead & {
  inputRequests?: Record<string, InputRequest>;
  result?: CallToolResult;
  error?: { code: number; message: string };
};

/** What the work of a task may do. */
export interface TaskControl {
  /** Aborts when the task is cancelled. */
  readonly signal: AbortSignal;
  /** Parks the task until the client has answered every request. */
  ask(requests: Readonly<Record<string, InputRequest>>): Promise<ReadonlyMap<string, unknown>>;
}

/** An error of the protocol, not of the tool: the task ends as `failed`. */
export class TaskFailure extends Error {
  override readonly name = "TaskFailure";
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Tasks of the tasks extension, in memory, for the lifetime of the process. */
export class TaskStore {
  readonly #tasks = new Map<string, StoredTask>();

  /** Starts the work; the task can be read when this returns. */
  create(run: (control: TaskControl) => Promise<CallToolResult>): TaskHead {
    const task = new StoredTask();
    this.#tasks.set(task.id, task);
    task.run(run);
    return task.head();
  }

  /** The task, undefined when there is none of that id. */
  get(taskId: string): StoredTask | undefined {
    return this.#tasks.get(taskId);
  }
}

/** One task from its creation to its end. */
export class StoredTask implements TaskControl {
  readonly id = crypto.randomUUID();
  readonly #cancelling = new AbortController();
  readonly #createdAt = new Date().toISOString();
  #lastUpdatedAt = this.#createdAt;
  #status: TaskHead["status"] = "working";
  readonly #open = new Map<string, InputRequest>();
  readonly #answers = new Map<string, unknown>();
  #answered: (() => void) | undefined;
  #result: CallToolResult | undefined;
  #error: { code: number; message: string } | undefined;

  get signal(): AbortSignal {
    return this.#cancelling.signal;
  }

  head(): TaskHead {
    return {
      taskId: this.id,
      status: this.#status,
      createdAt: this.#createdAt,
      lastUpdatedAt: this.#lastUpdatedAt,
      ttlMs: TTL_MS,
      pollIntervalMs: POLL_INTERVAL_MS,
    };
  }

  view(): TaskView {
    return {
      ...this.head(),
      ...(this.#status === "input_required" ? { inputRequests: Object.fromEntries(this.#open) } : {}),
      ...(this.#result === undefined ? {} : { result: this.#result }),
      ...(this.#error === undefined ? {} : { error: this.#error }),
    };
  }

  async run(work: (control: TaskControl) => Promise<CallToolResult>): Promise<void> {
    try {
      const result = await work(this);
      if (this.#move("completed")) this.#result = result;
    } catch (error) {
      if (this.signal.aborted) return;
      if (!(error instanceof TaskFailure)) throw error;
      if (this.#move("failed")) this.#error = { code: error.code, message: error.message };
    }
  }

  ask(requests: Readonly<Record<string, InputRequest>>): Promise<ReadonlyMap<string, unknown>> {
    for (const [key, request] of Object.entries(requests)) this.#open.set(key, request);
    this.#move("input_required");
    return new Promise((resolve, reject) => {
      this.#answered = () => resolve(this.#answers);
      this.signal.addEventListener("abort", () => reject(this.signal.reason), { once: true });
    });
  }

  /** Takes answers to what was asked; others are ignored, as are answers to a task that has ended. */
  update(responses: Readonly<Record<string, unknown>>): void {
    for (const [key, response] of Object.entries(responses)) {
      if (this.#open.delete(key)) this.#answers.set(key, response);
    }
    if (this.#status !== "input_required" || this.#open.size > 0) return;
    this.#move("working");
    this.#answered?.();
  }

  /** Ends the task, unless it has ended. */
  cancel(): void {
    if (this.#move("cancelled")) this.#cancelling.abort(new Error("cancelled"));
  }

  /** @returns false when the task has ended before */
  #move(status: TaskHead["status"]): boolean {
    if (["completed", "failed", "cancelled"].includes(this.#status)) return false;
    this.#status = status;
    this.#lastUpdatedAt = new Date().toISOString();
    return true;
  }
}
