/** Colours, and nothing else, are kept in tokens.css. */
export default {
  extends: ["stylelint-config-standard"],
  overrides: [{ files: ["**/*.vue"], customSyntax: "postcss-html" }],
  rules: {
    "color-no-hex": true,
    "custom-property-empty-line-before": null,
    "declaration-empty-line-before": null,
    "rule-empty-line-before": null,
    "at-rule-empty-line-before": null,
    "no-descending-specificity": null,
    "selector-class-pattern": null,
    "keyframe-block-no-duplicate-selectors": null,
    "declaration-property-value-keyword-no-deprecated": null,
  },
  ignoreFiles: ["src/design/tokens.css"],
};
