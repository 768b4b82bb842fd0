// What src/qdpi/web/vendor/ring.js exports: the libraries of the ring, loaded with it alone.
export { select } from "d3-selection";
export { zoom, zoomIdentity, zoomTransform } from "d3-zoom";
