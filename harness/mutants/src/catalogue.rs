//! Every mutant: the fault's identifier and name, the toys that have it, the requirements it violates, the defect.
//!
//! A line here and one `faults.has(…)` at the place of the deviation is all that a new mutant takes. Where a fault of
//! the shared code is not for `toy-interface`, its correct delegate would refuse what the fault lets through.

use crate::{
    fault::{Base, Mutant},
    toy::Kind,
};

macro_rules! mutants {
    ($($fault:ident $name:literal $base:ident [$($slug:literal)*] $defect:literal;)*) => {
        /// One deviation from correct behaviour.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Fault {
            $($fault,)*
        }

        /// Every fault that can be switched on, in the order of the specification's subjects.
        pub const MUTANTS: &[Mutant] = &[$(
            Mutant { name: $name, base: $base, defect: $defect, violates: &[$($slug),*], fault: Fault::$fault },
        )*];
    };
}

const ANY: Base = Base::Any;
const CHAINED_OR_IPAM: Base = Base::Several(&[Kind::Chained, Kind::Ipam]);
const INTERFACE: Base = Base::Interface;
const INTERFACE_OR_CHAINED_OR_IPAM: Base =
    Base::Several(&[Kind::Interface, Kind::Chained, Kind::Ipam]);
const INTERFACE_OR_LOOPBACK: Base = Base::Several(&[Kind::Interface, Kind::Loopback]);
const CHAINED: Base = Base::Chained;
const IPAM: Base = Base::Ipam;
const INTERFACE_OR_CHAINED: Base = Base::Several(&[Kind::Interface, Kind::Chained]);
const INTERFACE_OR_IPAM: Base = Base::Several(&[Kind::Interface, Kind::Ipam]);
const INTERFACE_OR_CHAINED_OR_LOOPBACK: Base =
    Base::Several(&[Kind::Interface, Kind::Chained, Kind::Loopback]);
const INTERFACE_OR_IPAM_OR_LOOPBACK: Base =
    Base::Several(&[Kind::Interface, Kind::Ipam, Kind::Loopback]);

mutants! {
    // the error object and the exit status
    ExitZeroOnError "exit-zero-on-error" ANY ["err.exit-nonzero"] "prints a proper error object and exits 0";
    ErrorOnStderr "error-on-stderr" ANY ["err.on-stdout" "err.stderr-free"] "prints the error object on stderr only";
    ErrorPlainText "error-plain-text" ANY ["err.structured"] "prints errors as plain text";
    ErrorEmptyStdout "error-empty-stdout" ANY ["err.structured"] "prints nothing when it fails";
    DiesBySignal "dies-by-signal" ANY ["err.structured" "conf.stdin-json" "process.no-signal-death"]
        "dies by SIGKILL when the configuration can't be decoded";
    ResultThenError "result-then-error" ANY ["err.single-document"] "prints a result before the error";
    StringCode "string-code" ANY ["err.code"] "writes the code as \"7\"";
    NegativeCode "negative-code" ANY ["err.code"] "writes -1 as the code";
    ReservedCode42 "reserved-code-42" ANY ["err.reserved-range"] "uses code 42 for everything";
    NoMsg "no-msg" ANY ["err.msg"] "leaves msg out of errors";
    DetailsObject "details-object" ANY ["err.details"] "writes details as an object";
    WrongErrorVersion "wrong-error-version" ANY ["err.cniversion"] "says cniVersion 0.2.0 in every error";
    ErrorWithoutVersion "error-without-version" ANY ["err.cniversion"] "leaves cniVersion out of errors";
    NamelessCode4 "nameless-code-4" ANY ["err.code-4-names" "param.missing-several"]
        "reports error 4 without naming a variable";
    SuccessExitOne "success-exit-one" ANY ["err.exit-zero"] "prints a correct result and exits 1";
    SilentAdd "silent-add" ANY ["add.result-printed"] "does its ADD and prints nothing";
    ResultOnStderr "result-on-stderr" ANY ["err.stderr-free" "add.result-printed"] "prints results on stderr";
    PrintsGarbageBeforeResult "prints-garbage-before-result" ANY ["err.stdout-clean" "res.json-object"]
        "prints garbage before the result";
    StdoutWarning "stdout-warning" ANY ["err.stdout-clean"] "prints a log line on stdout before the result";
    DuplicateKeys "duplicate-keys" ANY ["res.json-object"] "writes cniVersion twice into the result";
    IgnoresStdoutFailure "ignores-stdout-failure" ANY ["err.stdout-write-failure"]
        "exits 0 when the result can't be written";
    ActsBeforeValidation "acts-before-validation" ANY ["err.no-side-effects"]
        "leaves a file behind before it has checked the configuration";
    HangOnAdd "hang-on-add" ANY ["add.result-printed" "process.deadline"] "never comes back from ADD";
    LeavesChildHoldingStdout "leaves-child-holding-stdout" ANY ["err.stdout-clean" "process.descendants"]
        "leaves a child process behind that holds stdout open";
    LeavesDaemon "leaves-daemon" ANY ["process.leftover-processes"]
        "leaves a child process behind that holds nothing open";
    FloodsStdout "floods-stdout" ANY ["err.stdout-clean"] "prints 128 MB before the result";
    Exit127 "exit-127" ANY ["process.no-signal-death"] "exits with status 127 when it fails";
    DriftIsCode3 "drift-is-code-3" INTERFACE ["err.code-3"] "answers code 3 when CHECK finds a difference";

    // the environment
    DefaultVerbAdd "default-verb-add" ANY ["param.command-required"] "takes a missing CNI_COMMAND for ADD";
    LowercaseVerb "lowercase-verb" ANY ["param.command-unknown"] "accepts CNI_COMMAND=add";
    StatusGcUnimplemented "status-gc-unimplemented" ANY ["param.verbs-implemented" "ver.honest"]
        "lists 1.1.0 but does not know STATUS and GC";
    RandomId "random-id" CHAINED_OR_IPAM ["param.containerid-add" "param.containerid-del" "param.containerid-check"]
        "replaces a missing container ID by a random one";
    ContainerIdUnchecked "container-id-unchecked" CHAINED_OR_IPAM ["param.containerid-charset"]
        "takes any container ID, even with path separators";
    OwnNetnsDefault "own-netns-default" CHAINED_OR_IPAM ["param.netns-add" "param.netns-check"]
        "takes a missing CNI_NETNS for its own namespace";
    DelNeedsNetns "del-needs-netns" ANY ["param.netns-del-optional" "deleg.del"] "refuses DEL without CNI_NETNS";
    NetnsNamedOnly "netns-named-only" ANY ["param.netns-forms"] "refuses namespaces that are not below /run/netns";
    AddDefaultIfname "add-default-ifname" CHAINED_OR_IPAM ["param.ifname-add"] "takes a missing CNI_IFNAME for eth0 on ADD";
    CheckDefaultIfname "check-default-ifname" CHAINED_OR_IPAM ["param.ifname-check"]
        "takes a missing CNI_IFNAME for eth0 on CHECK";
    DelDefaultIfname "del-default-ifname" CHAINED_OR_IPAM ["param.ifname-del"] "takes a missing CNI_IFNAME for eth0 on DEL";
    TruncateIfname "truncate-ifname" CHAINED_OR_IPAM ["param.ifname-linux-rules"]
        "cuts an interface name of 16 bytes to 15";
    IfnameUnchecked "ifname-unchecked" CHAINED_OR_IPAM ["param.ifname-linux-rules"] "takes any interface name";
    ArgsRequired "args-required" ANY ["param.args-optional"] "fails when CNI_ARGS is unset";
    ArgsStrict "args-strict" ANY ["param.args-format"] "refuses CNI_ARGS with unknown keys in spite of IgnoreUnknown";
    PathRequired "path-required" ANY ["param.path-optional" "param.path-optional-status"]
        "fails without CNI_PATH even if nothing is delegated";
    StatusGcNeedAttachment "status-gc-need-attachment" ANY ["param.no-attachment-params"]
        "wants the attachment's variables on STATUS and GC";
    FirstMissingOnly "first-missing-only" ANY ["param.missing-several" "err.code-4-names"]
        "reports only the first bad variable";
    ExtraEnvRejected "extra-env-rejected" ANY ["param.extra-env"] "refuses unknown CNI_ variables";
    MissingNetnsOk "missing-netns-ok" INTERFACE ["param.netns-missing-add"]
        "uses its own namespace when CNI_NETNS can't be opened";
    HardcodedEth0 "hardcoded-eth0" INTERFACE ["param.ifname-honoured" "res.interface-ifname"] "always creates eth0";
    FirstPathOnly "first-path-only" INTERFACE ["param.path-separator"] "looks into the first directory of CNI_PATH only";

    // the configuration
    StdinLenient "stdin-lenient" CHAINED_OR_IPAM ["conf.stdin-json"] "accepts garbage after the configuration";
    Stdin64k "stdin-64k" ANY ["conf.args-ignored" "conf.stdin-json"]
        "reads no more than 64 KiB of the configuration";
    EmptyStdinOk "empty-stdin-ok" ANY ["conf.stdin-empty"] "takes empty stdin for success on DEL";
    ReadErrorCode "read-error-code" ANY ["conf.stdin-io-error"] "reports a failing read as code 6";
    NonObjectOk "non-object-ok" ANY ["conf.stdin-not-object"] "takes a configuration that is no object for success on DEL";
    NewestByDefault "newest-by-default" ANY ["conf.version-required"] "answers a missing cniVersion with a 1.1.0 result";
    VersionNumber "version-number" CHAINED_OR_IPAM ["conf.version-type" "conf.version-malformed"]
        "takes the number 1.1 for a version";
    NumericVersionCrash "numeric-version-crash" ANY ["conf.version-type" "err.structured"]
        "crashes when cniVersion is a number";
    PrefixVersion "prefix-version" CHAINED_OR_IPAM ["conf.version-malformed"]
        "takes \"1.1\", \"v1.1.0\" and \"1.1.0-rc1\" for 1.1.0";
    UnsupportedVersionAccepted "unsupported-version-accepted" CHAINED_OR_IPAM ["conf.version-unsupported"]
        "takes any unknown version for 1.1.0";
    WrongVersionCode "wrong-version-code" ANY ["conf.version-unsupported"] "refuses an unsupported version with code 6";
    NameMissingOk "name-missing-ok" CHAINED_OR_IPAM ["conf.name-required"] "works without a network name";
    NameCoerced "name-coerced" CHAINED_OR_IPAM ["conf.name-type"] "takes the number 5 for the name \"5\"";
    NoNameCheck "no-name-check" CHAINED_OR_IPAM ["conf.name-charset"] "takes any network name, even with path separators";
    TypelessCrash "typeless-crash" ANY ["conf.type-vs-binary"] "crashes when type is missing";
    UnknownFieldRejected "unknown-field-rejected" ANY ["conf.unknown-field"]
        "refuses unknown fields with code 7 and without naming them";
    ArgsRejected "args-rejected" ANY ["conf.args-ignored" "conv.labels"] "refuses a configuration with args";
    BadConfigIgnored "bad-config-ignored" INTERFACE_OR_CHAINED_OR_IPAM ["conf.invalid-plugin-config" "conv.error-on-malformed"]
        "ignores fields of its own that are malformed";
    DelValidatesConfig "del-validates-config" INTERFACE_OR_CHAINED_OR_IPAM ["conf.del-invalid-config"]
        "refuses DEL when a field that only ADD needs is malformed";
    IpmasqAlways "ipmasq-always" INTERFACE ["conf.ipmasq"] "masquerades although ipMasq is false";
    IpmasqIgnored "ipmasq-ignored" INTERFACE ["conf.ipmasq"] "does not masquerade although ipMasq is true";
    IpamIgnored "ipam-ignored" INTERFACE ["conf.ipam-used"] "never runs the IPAM plugin on ADD";
    V01RoutesIgnored "v01-routes-ignored" INTERFACE ["conf.ipam-routes-01"]
        "leaves out routes without gw under 0.1.0 and 0.2.0";

    // VERSION
    VersionNeedsConfig "version-needs-config" ANY ["ver.minimal-input" "param.version-needs-only-command"]
        "fails VERSION without a network name";
    VersionChecksEnv "version-checks-env" ANY ["param.version-needs-only-command"]
        "checks the attachment's variables on VERSION";
    HangOnVersion "hang-on-version" ANY ["ver.minimal-input" "ver.no-stdin"]
        "waits on VERSION for a complete configuration";
    VersionEmptyList "version-empty-list" ANY ["ver.keys"] "reports an empty supportedVersions";
    VersionPlainText "version-plain-text" ANY ["ver.supported"] "answers VERSION with a string";
    VersionOwn "version-own" ANY ["ver.echo"] "answers VERSION with its own newest version instead of the request's";
    VersionCrashOnUnknown "version-crash-on-unknown" ANY ["ver.unsupported-input"]
        "crashes when VERSION names an unknown version";
    VersionListsUnreleased "version-lists-unreleased" ANY ["ver.honest"] "lists 1.2.0, which it refuses";
    VersionUnlisted "version-unlisted" ANY ["ver.honest"] "serves 0.3.1 without listing it";
    RefusesListedVersion "refuses-listed-version" ANY ["ver.honest"] "lists 0.3.0 and refuses it";
    VersionWritesState "version-writes-state" ANY ["ver.side-effect-free"] "leaves a file behind on VERSION";
    VersionForwards "version-forwards" INTERFACE ["ver.side-effect-free"] "runs its delegate on VERSION";

    // ADD
    OverwritesInterface "overwrites-interface" INTERFACE ["add.existing-interface" "add.twice-same-key"]
        "deletes an existing CNI_IFNAME and creates its own";
    WrongNetns "wrong-netns" INTERFACE ["add.create-or-adjust" "res.interfaces"]
        "leaves the container interface in the host namespace";
    LinkLeftDown "link-left-down" INTERFACE_OR_LOOPBACK ["add.create-or-adjust" "add.configures-ip"]
        "does not set the interface up";
    ChainedNoop "chained-noop" CHAINED ["add.create-or-adjust"] "changes neither MTU nor hardware address";
    ForgetsAddress "forgets-address" INTERFACE ["add.configures-ip" "res.describes-reality"]
        "reports the address but does not configure it";
    WrongPrefix "wrong-prefix" INTERFACE ["res.ips-address" "add.configures-ip"]
        "configures /32 or /128 instead of the prefix in the result";
    RoutesNotInstalled "routes-not-installed" INTERFACE ["add.installs-routes"] "reports routes that it does not install";
    GatewayAsDefaultRoute "gateway-as-default-route" INTERFACE ["add.gateway-is-not-route"]
        "adds a default route because there is a gateway";
    RouteMetric100 "route-metric-100" INTERFACE ["add.route-metric-zero"] "installs routes with metric 100";
    DefaultRouteConflict "default-route-conflict" INTERFACE ["add.existing-default-route" "add.same-container-other-ifname"]
        "fails when a route of the result, the default one for example, exists already";
    SharedHostName "shared-host-name" INTERFACE ["add.other-container-same-ifname" "add.concurrent"]
        "derives the host end's name from CNI_IFNAME only";
    TouchesHostLoopback "touches-host-loopback" INTERFACE ["add.host-untouched-others"] "adds an address to the host's lo";
    AddFailureLeaksLink "add-failure-leaks-link" INTERFACE ["add.failure-residue"]
        "leaves the link behind when a later step of ADD fails";
    DelResidueAfterFailedAdd "del-residue-after-failed-add" INTERFACE ["add.failure-then-del"]
        "never removes the host link of a failed ADD";

    // DEL
    DelPrints "del-prints" ANY ["del.no-output"] "prints something on DEL";
    DelDeadNetns "del-dead-netns" ANY ["del.netns-gone"] "fails DEL when CNI_NETNS is gone";
    DelNetnsIsFile "del-netns-is-file" ANY ["del.netns-invalid"] "fails DEL when CNI_NETNS is not a namespace";
    DelNeedsPrevresult "del-needs-prevresult" ANY ["del.without-prevresult" "del.prevresult-old-versions" "del.empty-prevresult"]
        "fails DEL without prevResult";
    DelStrictPrevresult "del-strict-prevresult" ANY ["del.garbage-prevresult"]
        "fails DEL before any clean-up when prevResult is malformed";
    DelNotIdempotent "del-not-idempotent" INTERFACE ["del.idempotent" "del.before-add"]
        "fails the second DEL with \"link not found\"";
    DelInterfaceGone "del-interface-gone" INTERFACE ["del.interface-gone"] "fails DEL when the interface is gone";
    DelKeepsLink "del-keeps-link" INTERFACE_OR_LOOPBACK ["del.removes" "del.after-delegate-error"]
        "leaves the interface as it is on DEL";
    DelKeepsChanges "del-keeps-changes" CHAINED ["chain.undo" "del.removes"] "does not undo its changes on DEL";
    DelLeaksHostRule "del-leaks-host-rule" INTERFACE ["del.host-cleanup"] "leaves its masquerading rules behind";
    DelSkipsIpamWithoutNetns "del-skips-ipam-without-netns" INTERFACE ["del.host-cleanup" "deleg.del"]
        "does not release the address when the namespace is gone";
    DelRemovesNetns "del-removes-netns" INTERFACE ["del.keeps-netns"] "unmounts the namespace on DEL";
    DelAbortsOnIpamError "del-aborts-on-ipam-error" INTERFACE ["deleg.del-error" "del.after-delegate-error"]
        "leaves the interface when the delegate's DEL fails";
    SwallowsDelegateDelError "swallows-delegate-del-error" INTERFACE ["deleg.del-error"]
        "succeeds when the delegate's DEL fails";
    Code3WithResidue "code-3-with-residue" INTERFACE ["err.code-3"]
        "answers code 3 while the delegate still holds an address";
    DelNotForwarded "del-not-forwarded" INTERFACE ["deleg.del" "del.host-cleanup"] "does not run the delegate on DEL";
    DelKeepsIp "del-keeps-ip" IPAM ["del.releases-ipam" "del.re-add"] "does nothing on DEL";
    DelTakesAll "del-takes-all" IPAM ["del.all-resources-of-container"] "releases every interface of the container";
    DelNeedsState "del-needs-state" INTERFACE_OR_CHAINED_OR_IPAM ["del.idempotent" "del.before-add"]
        "fails DEL when its record of the attachment is gone";
    DelNeedsRules "del-needs-rules" INTERFACE ["del.idempotent"]
        "fails DEL when its masquerading rules are gone";
    ChainedDelNeedsInterface "chained-del-needs-interface" CHAINED ["del.interface-gone"]
        "fails DEL when the interface that it changed is gone";
    DelWritesState "del-writes-state" ANY ["del.removes" "del.before-add"]
        "remembers on the host whom it has deleted";
    DelNeedsRuntimeConfig "del-needs-runtime-config" CHAINED ["del.removes"]
        "does nothing on DEL without runtimeConfig";
    DelTakesNetwork "del-takes-network" INTERFACE_OR_CHAINED_OR_IPAM ["del.all-resources-of-container"]
        "releases every container of the network";
    DelTakesOtherNetworks "del-takes-other-networks" INTERFACE_OR_IPAM ["del.all-resources-of-container"]
        "releases the container's attachments to other networks";
    MasqueradeByContainer "masquerade-by-container" INTERFACE ["del.all-resources-of-container"]
        "shares its masquerading rules among the interfaces of a container";

    // CHECK
    CheckFails "check-fails" ANY ["check.after-add"] "fails every CHECK";
    CheckAlwaysOk "check-always-ok" ANY ["check.interface-missing" "check.address-missing" "check.route-missing" "check.consults-prevresult" "check.prevresult-required" "check.after-del"]
        "never looks at anything on CHECK";
    CheckOldVersion "check-old-version" CHAINED_OR_IPAM ["check.version-gate"] "runs CHECK under 0.3.1";
    CheckPrints "check-prints" ANY ["check.no-output"] "prints prevResult on CHECK";
    CheckWithoutPrevresult "check-without-prevresult" ANY ["check.prevresult-required"]
        "succeeds on CHECK without prevResult";
    CheckCrashes "check-crashes" ANY ["check.prevresult-malformed" "err.structured"]
        "crashes on CHECK with a malformed prevResult";
    CheckMalformedOk "check-malformed-ok" ANY ["check.prevresult-malformed"]
        "takes a malformed prevResult for an empty one on CHECK";
    CheckOwnMemory "check-own-memory" INTERFACE ["check.consults-prevresult"]
        "compares with what it remembers instead of with prevResult";
    CheckLinkBlind "check-link-blind" INTERFACE_OR_CHAINED ["check.interface-missing"]
        "succeeds when the interface is gone";
    CheckHostBlind "check-host-blind" INTERFACE ["check.interface-missing"] "does not look at the host end";
    CheckAddressBlind "check-address-blind" INTERFACE_OR_LOOPBACK ["check.address-missing"] "does not look at addresses";
    CheckRouteBlind "check-route-blind" INTERFACE ["check.route-missing"] "does not look at routes";
    CheckAnyInterface "check-any-interface" INTERFACE ["check.route-missing"] "accepts a route of another interface";
    CheckMacBlind "check-mac-blind" INTERFACE_OR_CHAINED ["check.invalid-state"] "does not look at the hardware address";
    CheckMtuBlind "check-mtu-blind" INTERFACE_OR_CHAINED ["check.invalid-state"] "does not look at the MTU";
    CheckStateBlind "check-state-blind" INTERFACE_OR_LOOPBACK ["check.invalid-state"] "accepts an interface that is down";
    CheckRuleBlind "check-rule-blind" INTERFACE_OR_CHAINED ["check.untracked-resources"]
        "does not look at masquerading rules or recorded port mappings";
    CheckRepairs "check-repairs" INTERFACE ["check.read-only"] "puts back what is missing";
    CheckTooStrict "check-too-strict" INTERFACE ["check.tolerates-later-plugins"]
        "fails on addresses that prevResult does not list";
    CheckOtherAttachments "check-other-attachments" INTERFACE ["check.stable-among-attachments"]
        "fails once a second container joins the network";
    CheckSamePath "check-same-path" INTERFACE ["check.cni-path-may-differ"] "wants the CNI_PATH of ADD";
    CheckNotForwarded "check-not-forwarded" INTERFACE ["check.delegates"] "does not run the delegate on CHECK";
    CheckSwallowsDelegateError "check-swallows-delegate-error" INTERFACE ["check.delegates"]
        "succeeds when the delegate's CHECK fails";
    CheckReservationBlind "check-reservation-blind" IPAM ["check.ip-reservation"] "does not look at the reservation";

    // STATUS
    StatusAlwaysFails "status-always-fails" ANY ["status.ready"] "fails every STATUS";
    StatusPrints "status-prints" ANY ["status.quiet-read-only"] "prints something on STATUS";
    StatusWrongCode "status-wrong-code" INTERFACE_OR_IPAM ["status.code-50"] "reports unavailability with code 100";
    VerbsAnyVersion "verbs-any-version" CHAINED_OR_IPAM ["status.version-gate" "gc.version-gate"]
        "runs STATUS and GC under 0.4.0";
    StatusAlwaysOk "status-always-ok" INTERFACE ["status.delegates" "status.delegate-error" "status.not-ready"]
        "does not run the delegate on STATUS";
    StatusSwallowsDelegateError "status-swallows-delegate-error" INTERFACE ["status.delegate-error"]
        "succeeds when the delegate's STATUS fails";
    StatusLatches "status-latches" INTERFACE ["status.others-still-work"] "refuses every ADD after a failed STATUS";
    StatusRequired "status-required" INTERFACE ["status.not-relied-upon"] "refuses ADD unless STATUS ran before";
    StatusNeedsNetwork "status-needs-network" INTERFACE ["status.ready"] "fails STATUS until the network has been used";
    StatusProgramBlind "status-program-blind" INTERFACE ["status.external-dependency"]
        "does not notice on STATUS that iptables is missing";
    StatusExhaustionBlind "status-exhaustion-blind" IPAM ["status.exhaustion"]
        "does not notice on STATUS that no address is left";
    StatusAllocates "status-allocates" IPAM ["status.quiet-read-only"]
        "probes on STATUS by reserving an address and keeps it";

    // GC
    GcPrints "gc-prints" ANY ["gc.quiet"] "prints something on GC";
    GcNoop "gc-noop" INTERFACE_OR_CHAINED_OR_IPAM ["gc.removes-stale" "gc.empty-list" "gc.forward"] "does nothing on GC";
    GcWipesAll "gc-wipes-all" INTERFACE_OR_CHAINED_OR_IPAM ["gc.keeps-valid"] "removes everything whatever the list says";
    GcInverted "gc-inverted" INTERFACE_OR_CHAINED_OR_IPAM ["gc.keeps-valid" "gc.removes-stale"]
        "removes exactly the valid ones";
    GcPrefixMatch "gc-prefix-match" INTERFACE_OR_CHAINED_OR_IPAM ["gc.key-pair"] "takes c1 for valid because c11 is listed";
    GcContainerOnly "gc-container-only" INTERFACE_OR_CHAINED_OR_IPAM ["gc.key-pair"]
        "ignores the interface name in the list";
    GcAllNetworks "gc-all-networks" INTERFACE_OR_IPAM ["gc.network-scope"] "removes attachments of other networks";
    GcEmptyListNoop "gc-empty-list-noop" INTERFACE_OR_CHAINED_OR_IPAM ["gc.empty-list"]
        "does nothing when the list is empty";
    GcMissingMeansEmpty "gc-missing-means-empty" ANY ["gc.missing-list"] "takes a missing list for an empty one";
    GcMalformedMeansEmpty "gc-malformed-means-empty" ANY ["gc.malformed-list"] "takes a malformed list for an empty one";
    GcOldKey "gc-old-key" ANY ["gc.key-name"] "reads cni.dev/attachments only";
    GcStopsEarly "gc-stops-early" IPAM ["gc.continue-on-error"] "stops at the first reservation that can't be removed";
    GcFailsWithoutState "gc-fails-without-state" INTERFACE_OR_IPAM ["gc.idempotent"] "fails when there is no state";
    GcNotForwarded "gc-not-forwarded" INTERFACE ["gc.forward"] "does not run the delegate on GC";
    GcSwallowsDelegateError "gc-swallows-delegate-error" INTERFACE ["gc.delegate-error"]
        "succeeds when the delegate's GC fails";

    // prevResult and chains
    DropsPrevresult "drops-prevresult" INTERFACE_OR_CHAINED_OR_LOOPBACK ["chain.handle-prevresult" "chain.no-suppress"]
        "prints its own entries only";
    StaleMac "stale-mac" CHAINED ["chain.reflect-changes" "res.describes-reality"]
        "changes the hardware address and passes the old one on";
    PrependsInterface "prepends-interface" CHAINED ["chain.index-integrity"]
        "inserts an interface at index 0 without re-indexing";
    DropsNewerFields "drops-newer-fields" CHAINED ["chain.preserve-fields"]
        "passes on name, mac and sandbox, dst and gw only";
    DropsUnknownKeys "drops-unknown-keys" CHAINED ["chain.unknown-keys"] "drops keys that no specification defines";
    ReordersIps "reorders-ips" CHAINED ["chain.echo-unchanged"] "turns the list of addresses round";
    FirstInterface "first-interface" CHAINED ["chain.acts-on-ifname"]
        "changes the first interface of the container instead of CNI_IFNAME";
    PrevresultAbsentOk "prevresult-absent-ok" CHAINED ["chain.prevresult-absent"] "works without prevResult";
    IgnoresBadPrevresult "ignores-bad-prevresult" INTERFACE_OR_CHAINED_OR_LOOPBACK ["chain.prevresult-malformed"]
        "takes a malformed prevResult for an empty one";
    PrevresultVersionRequired "prevresult-version-required" ANY ["chain.prevresult-without-version"]
        "refuses a prevResult without cniVersion";
    ForeignPrevresultMisread "foreign-prevresult-misread" ANY ["chain.prevresult-version-mismatch" "check.prevresult-malformed"]
        "reads a prevResult of another version as one of its own";

    // capabilities and conventions
    CapIgnored "cap-ignored" CHAINED ["cap.source" "cap.act-or-error" "cap.link-properties"] "ignores runtimeConfig";
    CapUnchecked "cap-unchecked" CHAINED ["cap.malformed"] "takes host port 70000 modulo 65536";
    CapMandatory "cap-mandatory" ANY ["cap.absent"] "fails without runtimeConfig";
    CapUnknownRejected "cap-unknown-rejected" CHAINED ["cap.unknown"] "refuses unknown capabilities";
    CapabilitiesRejected "capabilities-rejected" ANY ["cap.tolerates-declaration"]
        "refuses a configuration that still has capabilities";
    RequestedIpIgnored "requested-ip-ignored" IPAM ["cap.ip-selection" "conv.args-ips" "conv.cni-args-ip"]
        "ignores requested addresses";
    ArgsIpsIgnored "args-ips-ignored" IPAM ["conv.args-ips"] "ignores args.cni.ips";
    CniArgsWin "cni-args-win" IPAM ["conv.args-over-cni-args"] "prefers CNI_ARGS over args and runtimeConfig";
    CniArgsIpCrash "cni-args-ip-crash" IPAM ["conv.cni-args-ip"] "crashes when IP in CNI_ARGS is no address";

    // delegation
    DelegateFromPath "delegate-from-path" INTERFACE ["deleg.lookup"] "looks for delegates in PATH too";
    LastPathWins "last-path-wins" INTERFACE ["deleg.lookup"]
        "takes the delegate from the last directory of CNI_PATH that has it";
    CleanEnv "clean-env" INTERFACE ["deleg.env"] "does not pass CNI_ARGS on";
    IpamSectionOnly "ipam-section-only" INTERFACE ["deleg.full-config"] "passes only the ipam section on";
    SwallowsStderr "swallows-stderr" INTERFACE ["deleg.stderr"] "discards the delegate's stderr";
    LeaksDelegateStdout "leaks-delegate-stdout" INTERFACE ["deleg.stdout-hidden" "err.stdout-clean"]
        "lets the delegate's output through";
    DelegateErrorReplaced "delegate-error-replaced" INTERFACE ["deleg.add-error"]
        "replaces the delegate's error by its own";
    NoDelegateDel "no-delegate-del" INTERFACE ["deleg.later-failure-del" "deleg.add-error-del"]
        "does not run the delegate with DEL after a failed ADD";
    MissingDelegateOk "missing-delegate-ok" INTERFACE ["deleg.missing-binary"]
        "goes on without address when the delegate is missing";
    TraversalDelegate "traversal-delegate" INTERFACE ["conf.ipam-type-no-path"] "runs the ipam.type '../x'";
    DropsIpamDns "drops-ipam-dns" INTERFACE ["deleg.result-merge"] "drops the delegate's dns";
    KeepsDelegateInterfaces "keeps-delegate-interfaces" INTERFACE ["deleg.result-merge"]
        "lists the interfaces that the delegate's result names";
    OlderIpamResultMisread "older-ipam-result-misread" INTERFACE ["deleg.older-result"]
        "reads an older result of its delegate as one of the request's version";

    // the IPAM plugin's own duties
    KeyByContainer "key-by-container" IPAM ["deleg.ipam-key" "add.same-container-other-ifname"]
        "keeps one reservation per container: a second interface replaces the first";
    KeyWithoutNetwork "key-without-network" IPAM ["deleg.ipam-key" "gc.network-scope"]
        "shares its reservations among all networks";
    KeyConcatenated "key-concatenated" IPAM ["deleg.ipam-key"]
        "joins container ID and interface name so that two keys can be the same";
    SecondAddSecondAddress "second-add-second-address" IPAM ["add.twice-same-key"]
        "gives a second ADD of the same attachment a second address";
    UnlockedAllocation "unlocked-allocation" IPAM ["deleg.ipam-unique" "add.concurrent"]
        "takes no lock while it chooses an address";
    HandsOutGateway "hands-out-gateway" IPAM ["deleg.ipam-content"] "hands out the gateway's address";
    TryAgainLeavesReservation "try-again-leaves-reservation" IPAM ["err.code-11"]
        "answers code 11 and fails the retry because of what it left";
    IpamNeedsNetns "ipam-needs-netns" IPAM ["deleg.ipam-unaware"] "fails when the namespace does not exist";
    IpamFixedVersion "ipam-fixed-version" IPAM ["deleg.ipam-version" "res.cniversion"] "always answers in 1.0.0";
    IpamWithIndex "ipam-with-index" IPAM ["deleg.ipam-abbreviated"] "lists an interface and its index";

    // the result
    WrongResultVersion "wrong-result-version" ANY ["res.cniversion"] "stamps every result 1.1.0";
    V02HasInterfaces "v02-has-interfaces" INTERFACE ["res.v02-shape"] "lists interfaces under 0.1.0 and 0.2.0";
    V02FamilySwap "v02-family-swap" INTERFACE_OR_IPAM_OR_LOOPBACK ["res.v02-ip"] "puts the IPv6 address into ip4";
    V02EmptyResult "v02-empty-result" INTERFACE ["res.v02-needs-ip"] "prints a 0.2.0 result without any address";
    V030DropsIps "v030-drops-ips" INTERFACE_OR_IPAM_OR_LOOPBACK ["res.v030-ip-key"] "leaves the addresses out under 0.3.0";
    ResultMissingInterface "result-missing-interface" INTERFACE ["res.interfaces"] "does not list the host end";
    ResultWrongName "result-wrong-name" INTERFACE ["res.interface-ifname"] "lists the container's interface as net1";
    ResultWrongMac "result-wrong-mac" INTERFACE ["res.mac"]
        "reports the host end's hardware address for the container's interface";
    SandboxResolved "sandbox-resolved" INTERFACE ["res.sandbox"] "reports another path than CNI_NETNS";
    SandboxMissing "sandbox-missing" INTERFACE ["res.sandbox"] "leaves sandbox out";
    SandboxOnHost "sandbox-on-host" INTERFACE ["res.sandbox-host"] "sets sandbox on the host end too";
    WrongMtu "wrong-mtu" INTERFACE ["res.mtu" "res.describes-reality"] "reports an MTU that is one too high";
    RelativeSocket "relative-socket" INTERFACE ["res.socketpath-pciid"] "reports the socketPath \"vhost.sock\"";
    NewerFieldsAlways "newer-fields-always" INTERFACE_OR_LOOPBACK ["res.newer-fields"] "reports mtu in every version";
    IpsVersionMissing "ips-version-missing" INTERFACE_OR_IPAM_OR_LOOPBACK ["res.ips-version"]
        "leaves ips[].version out in 0.3.0 to 0.4.0";
    IpsVersionAlways "ips-version-always" INTERFACE_OR_IPAM_OR_LOOPBACK ["res.ips-no-version"]
        "writes ips[].version in 1.0.0 and later too";
    NetworkAddress "network-address" INTERFACE_OR_IPAM_OR_LOOPBACK ["res.ips-address"]
        "reports the network instead of the address";
    GatewayWithPrefix "gateway-with-prefix" INTERFACE_OR_IPAM ["res.ips-gateway"] "writes the gateway with a prefix length";
    IndexOffByOne "index-off-by-one" INTERFACE ["res.ips-interface"] "lets ips[].interface point at the host end";
    IndexMissing "index-missing" INTERFACE ["res.ips-interface-given"]
        "leaves ips[].interface out";
    RouteDstWithoutPrefix "route-dst-without-prefix" INTERFACE_OR_IPAM ["res.routes"]
        "writes routes[].dst without prefix length";
    ListsForeignRoutes "lists-foreign-routes" INTERFACE ["res.routes-relevant"] "lists routes of other interfaces";
    RouteAttrsIgnored "route-attrs-ignored" INTERFACE ["res.route-attributes" "res.describes-reality"]
        "echoes route attributes without applying them";
    DnsString "dns-string" INTERFACE_OR_IPAM ["res.dns"] "writes nameservers as a string";
    DnsReordered "dns-reordered" INTERFACE_OR_IPAM ["conf.dns-field" "res.ipam-same"]
        "turns the list of name servers round";
    IpamGatewayDropped "ipam-gateway-dropped" INTERFACE_OR_IPAM ["res.ipam-same"] "leaves the gateway out of the result";
    NullLists "null-lists" INTERFACE_OR_IPAM_OR_LOOPBACK ["res.types-strict"] "writes \"routes\": null";
    DownConversionLastAddress "down-conversion-last-address" IPAM ["res.down-conversion"]
        "reports the last address of a family under 0.2.0";
}
