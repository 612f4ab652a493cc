/** Decides on the main thread about origins that are first named at run time, and widens the agent's rights (`sandbox.learn`). */
import type { RunConfig } from "../config/mod.ts";
import type { Log } from "../ops/mod.ts";
import { decideLearning, learnableHosts } from "./learned_hosts.ts";
import { derivePermissions, type PermissionSet } from "./permissions.ts";

const RESTARTING = "the agent restarts with the right to reach it, ask again";
const NOT_GRANTED =
  "this process was started without the right to pass it on; `tunnel-client permissions` prints the rights it needs";

/** What learning needs. */
export interface OriginLearningParts {
  readonly config: RunConfig;
  /** Absolute paths of the programs that the agent starts. */
  readonly programs: readonly string[];
  /** Replaces the agent by one with these rights, without a loss. */
  readonly widen: (permissions: PermissionSet) => Promise<void>;
  /** See {@link netGrants}. */
  readonly mayGrant: (host: string) => boolean;
  readonly countRefusal: () => void;
  readonly log: Log;
}

/** What one agent has learned; lost when the program ends. */
export class OriginLearning {
  readonly #parts: OriginLearningParts;
  readonly #learned = new Set<string>();
  readonly #refused = new Set<string>();
  /** Whether this process may pass the rights on. */
  readonly #canGrant: boolean;
  #permissions: PermissionSet;
  #widening: Promise<void> | undefined;

  constructor(parts: OriginLearningParts) {
    this.#parts = parts;
    this.#permissions = derivePermissions(parts.config, parts.programs);
    this.#canGrant = learnableHosts(parts.config).every(parts.mayGrant);
  }

  /** The agent's set with what has been learned. */
  get permissions(): PermissionSet {
    return this.#permissions;
  }

  /** Origins that have been learned. */
  get learned(): readonly string[] {
    return [...this.#learned];
  }

  /**
   * Decides about one origin.
   * @returns true when it may be contacted, otherwise why not, in words that are safe to post
   */
  judge(origin: string): true | string {
    const { config, programs, log } = this.#parts;
    const fields = { component: "sandbox", origin, policy: config.sandboxLearn };
    const decision = decideLearning(config, origin);
    if (!decision.allowed) return this.#refuse(decision.advice, fields);
    if (this.#learned.has(origin)) return this.#widening === undefined ? true : RESTARTING;
    const wider = derivePermissions(config, programs, [...this.#learned, origin]);
    // Through a proxy nothing new is dialled, and without a sandbox nothing is in the way.
    const isEnough = config.sandbox === "off" ||
      wider.net.every((peer) => this.#permissions.net.includes(peer));
    if (!isEnough && !this.#canGrant) return this.#refuse(NOT_GRANTED, fields);
    this.#learned.add(origin);
    log.info("origin of oauth metadata learned", { ...fields, restart: !isEnough });
    if (isEnough) return true;
    this.#permissions = wider;
    const before = this.#widening ?? Promise.resolve();
    const widening = before.then(() => this.#parts.widen(wider)).then(() => {
      if (this.#widening === widening) this.#widening = undefined;
    });
    this.#widening = widening;
    return RESTARTING;
  }

  #refuse(advice: string, fields: { readonly origin: string; readonly policy: string }): string {
    this.#parts.countRefusal();
    // A server says the same at every search.
    if (!this.#refused.has(fields.origin) && this.#refused.size < 100) {
      this.#refused.add(fields.origin);
      this.#parts.log.warn("origin of oauth metadata refused", { ...fields, advice });
    }
    return advice;
  }
}

/**
 * Which hosts this process may pass the right to reach on; to be asked while the main thread still has its rights.
 * @returns answers for the hosts of `learnableHosts`, also later
 */
export function netGrants(config: RunConfig): (host: string) => boolean {
  const isGranted = (right: Deno.NetPermissionDescriptor) =>
    Deno.permissions.querySync(right).state === "granted";
  if (isGranted({ name: "net" })) return () => true;
  const hosts = learnableHosts(config).filter((host) => host !== "*" && isGranted({ name: "net", host }));
  return (host) => hosts.includes(host);
}
