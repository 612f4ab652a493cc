/** Both sets of rights of one configuration, found out without starting anything. */
import type { LoadedConfig } from "../config/mod.ts";
import { findPrograms, programPaths } from "./find_programs.ts";
import { derivePermissions, type PermissionSet } from "./permissions.ts";
import {
  deriveProcessPermissions,
  type ProcessFacts,
  type ProcessPermissions,
} from "./process_permissions.ts";

/** What `tunnel-client permissions` shows. */
export interface ProfilePermissions {
  /** The agent thread's. */
  readonly agent: PermissionSet;
  /** The whole process's. */
  readonly process: ProcessPermissions;
}

/**
 * Derives both.
 * @param facts without the agent's set
 * @throws {Error} naming a program that does not exist or may not be executed
 */
export async function permissionsOf(
  { config }: Pick<LoadedConfig, "config">,
  facts: Omit<ProcessFacts, "agent">,
): Promise<ProfilePermissions> {
  const agent = derivePermissions(config, programPaths(await findPrograms(config, facts.environment)));
  return { agent, process: deriveProcessPermissions(config, { ...facts, agent }) };
}
