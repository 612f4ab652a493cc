/** The relay of the bench, as a process of its own; prints its base URL as the first line. */
import { serveRelay } from "./runner.ts";

await serveRelay();
