export const RUNS = `
`
