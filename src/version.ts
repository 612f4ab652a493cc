/** Version of the sources, without a commit. */
export const RELEASE = "0.1.0";

/** Commit that a binary was built from, written into the bundle by `scripts/compile.ts`; empty when run from source. */
export const COMMIT: string = "";

/** Version of this program, for `--version`, headers and logs; static, nothing is asked at run time (C-18, C-19). */
export const VERSION = COMMIT === "" ? RELEASE : `${RELEASE}+${COMMIT}`;

/** Name under which this client presents itself to control planes and targets; its own, not the reference's (P-16). */
export const CLIENT_NAME = "deno-tunnel-client";
