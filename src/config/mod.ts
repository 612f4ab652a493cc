/**
 * config: what can a person set? In: flags, environment, files. Out: one {@link RunConfig}, or errors that name
 * the setting, where its value came from and what is valid.
 */
export type {
  Binding,
  ControlPlaneConfig,
  HealthConfig,
  HttpBinding,
  LogConfig,
  McpConfig,
  RunConfig,
  StdioBinding,
} from "./run_config.ts";
