import {
  createRequestStateCodec,
  type RequestStateCodec,
  type ServerEventBus,
} from "@modelcontextprotocol/server";
import { TaskStore } from "./task_store.ts";

/** State of a call that needs several rounds. */
export interface RoundState {
  readonly round: number;
  /** What earlier rounds have learned. */
  readonly name?: string;
}

/** What outlives a single request of the everything server. */
export interface World {
  readonly tasks: TaskStore;
  /** Seals and checks what a client carries from round to round. */
  readonly states: RequestStateCodec<RoundState>;
  /** Where changed lists are announced to subscriptions; undefined where the connection itself is told. */
  readonly bus: ServerEventBus | undefined;
}

const STATE_KEY_BYTES = 32;

/** A fresh world, without tasks. */
export function createWorld(bus?: ServerEventBus): World {
  const key = crypto.getRandomValues(new Uint8Array(STATE_KEY_BYTES));
  return { tasks: new TaskStore(), states: createRequestStateCodec<RoundState>({ key }), bus };
}
