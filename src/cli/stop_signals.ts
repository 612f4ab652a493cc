import type { Service } from "../sandbox/mod.ts";
import type { CliIo } from "./io.ts";

type StopSignal = "SIGINT" | "SIGTERM";

/** Exit codes of a second signal, which ends the program at once. */
const FORCED_EXIT: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 };

/** Signals that ask for a stop; Windows knows only the first. */
const STOP_SIGNALS: readonly StopSignal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];

/** The stop signals that this process gets, none of which is lost between two calls. */
export interface StopSignals {
  /** The next one; until it comes, every caller waits for the same. */
  next(): Promise<StopSignal>;
  /** Goes on as if this one had come. */
  hear(signal: StopSignal): void;
  close(): void;
}

/** Hears stop signals until `close` is called. */
export function listenForStop(): StopSignals {
  const heard: StopSignal[] = [];
  let awaited: PromiseWithResolvers<StopSignal> | undefined;
  const hear = (signal: StopSignal) => {
    if (awaited === undefined) heard.push(signal);
    else awaited.resolve(signal);
    awaited = undefined;
  };
  const listeners = STOP_SIGNALS.map((signal) => {
    const listener = () => hear(signal);
    Deno.addSignalListener(signal, listener);
    return { signal, listener };
  });
  return {
    next() {
      const signal = heard.shift();
      return signal === undefined ? (awaited ??= Promise.withResolvers()).promise : Promise.resolve(signal);
    },
    hear,
    close() {
      for (const { signal, listener } of listeners) Deno.removeSignalListener(signal, listener);
    },
  };
}

/** The signals, with one put back that was taken too early. */
export function asIfJustCome(signal: StopSignal, signals: StopSignals): StopSignals {
  let first: StopSignal | undefined = signal;
  return {
    next() {
      const next = first === undefined ? signals.next() : Promise.resolve(first);
      first = undefined;
      return next;
    },
    hear: (signal) => signals.hear(signal),
    close: () => signals.close(),
  };
}

/**
 * Runs a service until a signal or a crash ends it: the first signal drains, a second one stops at once.
 * @param signals listened to since before the start, so that a signal in the middle of it ends nothing halfway
 * @returns exit code
 */
export async function untilStopped(service: Service, signals: StopSignals, io: CliIo): Promise<number> {
  const first = await Promise.race([signals.next(), service.crashed]);
  if (first !== "SIGINT" && first !== "SIGTERM") {
    await service.stopNow();
    io.stderr(`agent thread crashed: ${first}\n`);
    return 1;
  }
  service.log.info("stop requested; a second signal stops at once", { signal: first });
  const drained = service.drain();
  const outcome = await Promise.race([drained, signals.next()]);
  if (typeof outcome === "string") {
    await service.stopNow();
    return FORCED_EXIT[outcome];
  }
  if (outcome.error !== "") {
    io.stderr(`stop tunnel-client: ${outcome.error}\n`);
    return 1;
  }
  const lost = outcome.summary.outcomes.undeliverable;
  if (lost === 0) return 0;
  io.stderr(
    `stop tunnel-client: ${lost} of ${outcome.summary.received} commands could not be answered; see the log\n`,
  );
  return 1;
}
