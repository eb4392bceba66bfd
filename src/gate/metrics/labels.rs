//! The values that labels may have: known when the filter is built, so that no request and no token
//! can make a series, or stand in one.

/// An enum whose variants are the values of a label; their comments are what the documentation says.
macro_rules! label {
    ($(#[$of:meta])* $name:ident { $($(#[doc = $meaning:literal])+ $variant:ident = $value:literal,)+ }) => {
        $(#[$of])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[doc = $meaning])+ $variant,)+
        }

        impl $name {
            /// All of them, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// As they are written.
            pub const VALUES: &'static [&'static str] = &[$($value,)+];
            /// What they mean.
            pub const MEANINGS: &'static [&'static str] = &[$(concat!($($meaning,)+),)+];

            /// As it is written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)+
                }
            }
        }
    };
}

label! {
    /// What became of a request.
    Outcome {
        /// Sent on with a session's token.
        ForwardSession = "forward_session",
        /// Sent on with a token that was acquired for the rule's upstream.
        ForwardAcquired = "forward_acquired",
        /// Sent on with the client's own token.
        ForwardBearer = "forward_bearer",
        /// Sent on without a user, where a rule says public.
        ForwardPublic = "forward_public",
        /// Sent to the provider to sign in; a form may be kept meanwhile.
        LoginBegins = "login_begins",
        /// A login ended well, and a session began.
        LoggedIn = "logged_in",
        /// A callback that was used already, by somebody who is signed in.
        SignedInAlready = "signed_in_already",
        /// Sent to the provider for a token for the rule's upstream.
        TripBegins = "trip_begins",
        /// Back from there with it.
        TripDone = "trip_done",
        /// Signed out.
        LoggedOut = "logged_out",
        /// Told who is signed in.
        SessionInfo = "session_info",
        /// Told where tokens for the API are had (RFC 9728).
        ResourceMetadata = "resource_metadata",
        /// Answered 503, since the host did not let it be decided, or did not let the decision be
        /// carried out. Counted besides what had been decided, if anything was.
        Undecided = "undecided",
        /// No credentials.
        Unauthenticated = "unauthenticated",
        /// A form without a session.
        FormNotSent = "form_not_sent",
        /// A host name that is none of `origins`.
        Misdirected = "misdirected",
        /// A path that servers read in several ways.
        AmbiguousPath = "ambiguous_path",
        /// A rule says deny.
        Denied = "denied",
        /// Another site made the browser send it.
        CrossSite = "cross_site",
        /// An endpoint of the gate's, with a wrong method.
        MethodNotAllowed = "method_not_allowed",
        /// `Connection` names a header that the gate sets.
        NominatedHeader = "nominated_header",
        /// A query that can not be read.
        BadQuery = "bad_query",
        /// A client's own token was refused.
        InvalidToken = "invalid_token",
        /// A client's own token lacks scope.
        InsufficientScope = "insufficient_scope",
        /// `Authorization` is not one bearer token.
        InvalidRequest = "invalid_request",
        /// Access tokens are not accepted.
        BearerNotAccepted = "bearer_not_accepted",
        /// A session's token was refused, or one that was acquired for it.
        SessionTokenRefused = "session_token_refused",
        /// The tokens are right, and a right is missing.
        MissingRight = "missing_right",
        /// The provider gives no token for the rule's upstream.
        NotGiven = "not_given",
        /// A token for the rule's upstream is needed, and only a page can be sent for it.
        TokenNeeded = "token_needed",
        /// The host does not tell the route.
        NoRouteName = "no_route_name",
        /// A token was refused at login.
        LoginTokenRefused = "login_token_refused",
        /// A callback of no login of this browser.
        NoAttempt = "no_attempt",
        /// A callback that is not this provider's (RFC 9207).
        ResponseIssuer = "response_issuer",
        /// The provider refused the login.
        ProviderError = "provider_error",
        /// A callback without a code.
        NoCode = "no_code",
        /// The provider did not take the code.
        CodeRefused = "code_refused",
        /// The provider refuses the gate itself.
        ClientRefused = "client_refused",
        /// The provider is not known yet, or does not answer as it should.
        ProviderUnavailable = "provider_unavailable",
        /// Too many requests wait.
        Busy = "busy",
        /// The session is more than cookies hold.
        SessionTooLarge = "session_too_large",
        /// The host gives no random numbers.
        NoEntropy = "no_entropy",
        /// Sessions are not configured.
        NoSessions = "no_sessions",
        /// An answer would not have been safe to send.
        UnsafeHeader = "unsafe_header",
    }
}

impl Outcome {
    /// Whether it is the code of a refusal.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        !matches!(
            self,
            Self::ForwardSession
                | Self::ForwardAcquired
                | Self::ForwardBearer
                | Self::ForwardPublic
                | Self::LoginBegins
                | Self::LoggedIn
                | Self::SignedInAlready
                | Self::TripBegins
                | Self::TripDone
                | Self::LoggedOut
                | Self::SessionInfo
                | Self::ResourceMetadata
                | Self::Undecided
        )
    }
}

label! {
    /// What became of a login.
    Login {
        /// The browser was sent to the provider.
        Begun = "begun",
        /// Both tokens were right.
        Done = "done",
        /// A token was refused.
        TokenRefused = "login_token_refused",
        /// It was not begun in this browser, or too long ago.
        NoAttempt = "no_attempt",
        /// The answer is not this provider's (RFC 9207).
        ResponseIssuer = "response_issuer",
        /// The provider refused it.
        ProviderError = "provider_error",
        /// The provider did not take the code.
        CodeRefused = "code_refused",
        /// The provider refuses the gate itself.
        ClientRefused = "client_refused",
        /// The provider does not answer as it should.
        ProviderUnavailable = "provider_unavailable",
        /// The session is more than cookies hold.
        SessionTooLarge = "session_too_large",
        /// The callback was refused for another reason; `oidc_gate_requests_total` has its code.
        Other = "other",
    }
}

impl Login {
    /// That of a callback that was refused with this code.
    #[must_use]
    pub const fn refused(code: Outcome) -> Self {
        match code {
            Outcome::LoginTokenRefused => Self::TokenRefused,
            Outcome::NoAttempt => Self::NoAttempt,
            Outcome::ResponseIssuer => Self::ResponseIssuer,
            Outcome::ProviderError => Self::ProviderError,
            Outcome::CodeRefused => Self::CodeRefused,
            Outcome::ClientRefused => Self::ClientRefused,
            Outcome::ProviderUnavailable => Self::ProviderUnavailable,
            Outcome::SessionTooLarge => Self::SessionTooLarge,
            _ => Self::Other,
        }
    }
}

label! {
    /// What became of a refresh.
    Refresh {
        /// New tokens, and they are right.
        Renewed = "renewed",
        /// The provider says that the session is over.
        Ended = "ended",
        /// A new token was refused.
        Refused = "refused",
        /// No answer that is worth anything; the session stays as it is.
        Failed = "failed",
    }
}

label! {
    /// What became of asking for a token for a rule's own upstream.
    Acquisition {
        /// There is one, and it is right.
        Acquired = "acquired",
        /// The provider gives none.
        NotGiven = "not_given",
        /// The one that came was refused.
        Refused = "refused",
        /// No answer that is worth anything.
        Failed = "failed",
    }
}

label! {
    /// Whom of the provider was asked: members of its metadata (OpenID Connect Discovery 1.0).
    Endpoint {
        /// The discovery document.
        Discovery = "discovery",
        /// The keys.
        Keys = "jwks_uri",
        /// The token endpoint: codes, refreshes, exchanges.
        Token = "token_endpoint",
        /// The introspection endpoint: what opaque access tokens are.
        Introspection = "introspection_endpoint",
    }
}

label! {
    /// What the provider answered.
    Status {
        /// As it should.
        Success = "2xx",
        /// Somewhere else; redirects are not followed.
        Redirect = "3xx",
        /// The caller's mistake, as it says.
        ClientError = "4xx",
        /// Its own; the host's 503 and 504 look the same.
        ServerError = "5xx",
        /// Nothing, or the host did not send the call.
        None = "none",
    }
}

impl Status {
    /// The class of a status; anything that is none counts as no answer.
    #[must_use]
    pub const fn of(status: Option<u16>) -> Self {
        match status {
            Some(200..=299) => Self::Success,
            Some(300..=399) => Self::Redirect,
            Some(400..=499) => Self::ClientError,
            Some(500..=599) => Self::ServerError,
            _ => Self::None,
        }
    }
}

label! {
    /// What became of fetching the keys.
    KeyFetch {
        /// They are there.
        Done = "done",
        /// They did not come, or not as they should; older ones stay.
        Failed = "failed",
    }
}

label! {
    /// What a cache had.
    Lookup {
        /// What was asked for.
        Hit = "hit",
        /// Nothing: it is opened, or verified.
        Miss = "miss",
    }
}

impl Lookup {
    /// By whether it was found.
    #[must_use]
    pub const fn of(found: bool) -> Self {
        if found { Self::Hit } else { Self::Miss }
    }
}

label! {
    /// Which of the two tokens.
    Token {
        /// The ID token.
        IdToken = "id_token",
        /// The access token.
        AccessToken = "access_token",
    }
}

label! {
    /// Where a token came from.
    Source {
        /// The session, at a request or at a refresh.
        Session = "session",
        /// The client itself: it holds a token that is meant for somebody else.
        Bearer = "bearer",
        /// The provider, at login.
        Login = "login",
        /// The provider, for a rule's own upstream.
        Acquired = "acquired",
    }
}
