/** Signals that ask for the configuration to be read again; none is lost, also not one that comes during the start. */
export interface ReloadSignals {
  /** From now on, and at once where one has come already, this is called. */
  serve(reload: () => void): void;
  close(): void;
}

/**
 * Hears SIGHUP, which Windows does not have. Where it means that the terminal is gone in which the program was started,
 * it asks for a stop, as it does with every program that knows nothing of it.
 * @param stop called when the terminal is gone
 */
export function listenForReload(stop: () => void): ReloadSignals {
  let serving: (() => void) | undefined;
  let hasCome = false;
  const hasTerminal = Deno.stdin.isTerminal();
  const heard = () => {
    if (hasTerminal && !Deno.stdin.isTerminal()) stop();
    else if (serving === undefined) hasCome = true;
    else serving();
  };
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGHUP", heard);
  return {
    serve(reload) {
      serving = reload;
      if (hasCome) reload();
    },
    close() {
      if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGHUP", heard);
    },
  };
}
