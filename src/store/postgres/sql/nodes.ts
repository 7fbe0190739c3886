export const NODES = `
`
