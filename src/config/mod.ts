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
  type ConfigWarning,
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
export {
  type ConfigSources,
  loadConfiguration,
  type LoadedConfig,
  loadRunConfig,
} from "./load_run_config.ts";
export { parseLogLevel } from "./log_level.ts";
export {
  expandHome,
  parseProfileName,
  PROFILE_EXTENSION,
  profilePath,
  resolveProfileDir,
} from "./profile_location.ts";
export { type EffectiveConfig, effectiveConfig, type EffectiveGroup } from "./effective_config.ts";
export { isCredentialName } from "./credential_name.ts";
export { type Json, type JsonSchema, profileJsonSchema } from "./profile_schema.ts";
export { shownArguments } from "./shown_arguments.ts";
export { shownEnvironment } from "./shown_environment.ts";
export { type ShownFile, shownFile } from "./shown_file.ts";
export { shownProxy, shownUrl } from "./shown_url.ts";
export { validateProfileText } from "./validate_profile.ts";
export { hostPattern } from "./host_pattern.ts";
export { formatLocation, type Location } from "./location.ts";
export { quote, quoteUrl } from "./quote.ts";
export { configSourceLabel, selectFile } from "./select_file.ts";
export { type ConfigChange, diffConfig, reloadableConfig } from "./config_diff.ts";
export type {
  AdminUiConfig,
  Binding,
  CloudflaredConfig,
  ConfigSource,
  ControlPlaneConfig,
  HealthConfig,
  HttpBinding,
  LogConfig,
  McpConfig,
  RunConfig,
  StdioBinding,
} from "./run_config.ts";
export type {
  CertificatePaths,
  EnvironmentProxies,
  EnvironmentValue,
  ProxyChoice,
  TlsConfig,
} from "./network_config.ts";
export type {
  HarpoonConfig,
  HarpoonTarget,
  HarpoonTemplateParameter,
  HarpoonTemplateTarget,
  HarpoonUrlTarget,
} from "./harpoon_config.ts";
export { secretNamesOf, secretValuesOf } from "./secrets.ts";
export type { Member, MemberType, ReferenceRule, Setting, SettingType } from "./setting.ts";
export { OTHER_VARIABLES, type OtherVariable, type SettingName, SETTINGS, VERSION_KEY } from "./settings.ts";
export { suggestName } from "./suggest.ts";
export { whyRefused } from "./why_refused.ts";
export { parseUrlPath, shownUrlPath } from "./url_path.ts";
