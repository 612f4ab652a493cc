/**
 * preflight: could it start? In: a stdio command line. Out: why the command cannot be started, found without running
 * anything.
 */
export { preflightCommand } from "./preflight_command.ts";
export { PreflightError } from "./preflight_error.ts";
export type { PreflightPlace } from "./preflight_place.ts";
