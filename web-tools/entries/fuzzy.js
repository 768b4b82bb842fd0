// What src/qdpi/web/vendor/fuzzy.js exports: the search by parts of a name, loaded with the palette.
export { default as uFuzzy } from "@leeoniya/ufuzzy";
