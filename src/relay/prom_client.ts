/** A door of its own, so that the package is loaded at the first scrape; a bundle loses the names of a package that is imported on demand. */
export { Counter, Gauge, Registry } from "prom-client";
