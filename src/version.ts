/** Version of this program, for `--version`, headers and logs; static, nothing is asked at run time (C-18). */
export const VERSION = "0.1.0";

/** Name under which this client presents itself to control planes and targets; its own, not the reference's (P-16). */
export const CLIENT_NAME = "deno-tunnel-client";
