// What src/qdpi/web/vendor/ring.js exports: the libraries of the ring, loaded with it alone.
export { quadtree } from "d3-quadtree";
export { select } from "d3-selection";
export { zoom, zoomIdentity, zoomTransform } from "d3-zoom";
