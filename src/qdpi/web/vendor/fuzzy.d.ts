export { default as uFuzzy } from "@leeoniya/ufuzzy";
