// Package tools holds what is in deploy/ against the programs that will read it: the linter of Dockerfiles,
// the loader of compose files, kustomize, the types of Kubernetes. It is a module of its own, so that none
// of them is a dependency of Switchboard. The tests are all there is; .ci/deploy runs them.
package tools
