/**
 * preflight: would it work? In: a stdio command line, or a finished configuration. Out: why the command cannot start, found
 * without running anything; or how the main MCP server has answered when it was really asked.
 */
export { preflightCommand } from "./preflight_command.ts";
export { PreflightError } from "./preflight_error.ts";
export type { PreflightPlace } from "./preflight_place.ts";
export { type TargetTrial, type TrialPlace, tryMainTarget } from "./try_main_target.ts";
