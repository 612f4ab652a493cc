/**
 * config: what can a person set? In: flags, environment, files. Out: one {@link RunConfig}, or errors that name
 * the setting, where its value came from and what is valid.
 */
export { parseBoolean } from "./boolean.ts";
export { canonicalChannelName, HARPOON_CHANNEL, MAIN_CHANNEL } from "./channel_name.ts";
export { parseCommandLine } from "./command_line.ts";
export {
  ConfigError,
  type ConfigProblem,
  formatProblem,
  type ProblemCode,
  type ProblemSource,
} from "./config_error.ts";
export { formatDuration, parseDuration } from "./duration.ts";
export {
  EMBEDDED_STUB_FLAGS,
  embeddedStubOptions,
  STUB_DEFAULTS,
  type StubOptions,
} from "./embedded_stub.ts";
export {
  flagOf,
  type FlagSpec,
  lastValue,
  type ParsedArguments,
  type ParsedFlags,
  parseFlags,
  UsageError,
} from "./flags.ts";
export { checkHttpUrl } from "./http_url.ts";
export { parseInteger } from "./integer.ts";
export { InvalidValueError } from "./invalid_value.ts";
export { type ListenAddress, parseListenAddress } from "./listen_address.ts";
export { type ConfigSources, loadRunConfig } from "./load_run_config.ts";
export { parseLogLevel } from "./log_level.ts";
export { quote, quoteUrl } from "./quote.ts";
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
export { secretNamesOf, secretValuesOf } from "./secrets.ts";
export { type Setting, type SettingName, SETTINGS } from "./settings.ts";
export { suggestName } from "./suggest.ts";
