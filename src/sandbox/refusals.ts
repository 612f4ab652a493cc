/** Operations that the runtime refuses to the agent's thread: noticed whoever tried them, and whoever catches the error. */

/** One refused operation. */
export interface Refusal {
  readonly kind: RefusalKind;
  /** `host:port`, path, program or variable; never a URL. Empty where the runtime names none. */
  readonly resource: string;
}

/** Kinds of rights, and `thread` for a Worker that asked for more than its creator has. */
export type RefusalKind =
  | "net"
  | "read"
  | "write"
  | "run"
  | "env"
  | "sys"
  | "ffi"
  | "import"
  | "thread"
  | "other";

const ACCESS = /^Requires (net|read|write|run|env|sys|ffi|import) access(?: to (?:"([^"]*)"|(\S+?)))?(?:,|$)/;

/** Takes the runtime's text apart. */
export function refusalOf(message: string): Refusal {
  const [, kind, quoted, bare] = ACCESS.exec(message) ?? [];
  if (kind === undefined) {
    return { kind: message.startsWith("Can't escalate") ? "thread" : "other", resource: "" };
  }
  const resource = quoted ?? bare ?? "";
  // A module's address is a URL; no more of one is told than where it leads.
  const url = resource.includes("://") ? URL.parse(resource) : null;
  return { kind: kind as RefusalKind, resource: url === null ? resource : url.host };
}

/**
 * Tells of every operation that is refused in this thread from now on. The runtime's error class sets its own name in its
 * constructor, so a setter for that name sees each error, also one that a library swallows. Not seen are modules: a
 * refused `import()` is a `TypeError`.
 */
export function watchRefusals(onRefusal: (refusal: Refusal) => void): void {
  Object.defineProperty(Deno.errors.NotCapable.prototype, "name", {
    configurable: true,
    get: () => "NotCapable",
    set(this: Error, value: unknown) {
      Object.defineProperty(this, "name", { value, writable: true, configurable: true });
      onRefusal(refusalOf(this.message));
    },
  });
}
